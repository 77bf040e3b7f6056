import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import { resolveElasticsearchOptions, type ElasticsearchAdapterOptions } from '../src/elasticsearch-adapter-options.js';

const problemsOf = (options: unknown): readonly string[] => {
  try {
    void new ElasticsearchAdapter(options as ElasticsearchAdapterOptions);
  } catch (error) {
    return ((error as MeshError).details as { problems: string[] }).problems;
  }
  return [];
};
const node = 'https://es.example:9200';
const index = 'mesh-audit';
const CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

test('a node and an index are enough', () => {
  expect(resolveElasticsearchOptions({ node, index })).toMatchObject({
    index, dataStream: false, compression: true, maxRequestBytes: 5_000_000, retentionDays: undefined,
    template: { name: 'secure-stack-mesh-mesh-audit', priority: 300, shards: 1, replicas: undefined },
  });
});

test.each<[string, unknown, RegExp]>([
  ['no options', undefined, /^: must be an object/],
  ['an unknown option', { node, index, nodes: [] }, /^nodes: is not an option/],
  ['no node', { index }, /^node: must be a URL/],
  ['no nodes', { node: [], index }, /^node: must be 1 to 100 URLs/],
  ['a node that is no URL', { node: [node, 'es'], index }, /^node\[1\]: must be a URL/],
  ['a password in a node', { node: 'https://u:secret@es.example', index }, /^node: must have no user and password/],
  ['no index', { node }, /^index: must be/],
  ['an index that is no text', { node, index: Object.create(null) as unknown }, /^index: must be/],
  ['an index in upper case', { node, index: 'Mesh' }, /^index: must be/],
  ['a wildcard', { node, index: 'mesh-*' }, /^index: must be/],
  ['a path', { node, index: 'a/_delete_by_query' }, /^index: must be/],
  ['a key over http', { node: 'http://es.example', index, auth: { apiKey: 'abc' } }, /^node: must be https/],
  ['a key that is not set', { node, index, auth: { apiKey: undefined } }, /^auth\.apiKey: is missing/],
  ['two forms of auth', { node, index, auth: { apiKey: 'abc', bearer: 'abc' } }, /^auth: must be/],
  ['a password without a user', { node, index, auth: { password: 'abc' } }, /^auth\.username: must be/],
  ['auth of another form', { node, index, auth: 'abc' }, /^auth: must be an object/],
  ['a CA that is a path', { node, index, tls: { ca: '/etc/ca.pem' } }, /^tls\.ca: must be certificates in PEM/],
  ['a fingerprint that is none', { node, index, tls: { fingerprint: 'AB:CD' } }, /^tls\.fingerprint: must be the SHA-256/],
  ['both CA and fingerprint', { node, index, tls: { ca: CA, fingerprint: 'ab'.repeat(32) } }, /^tls\.fingerprint: stands instead/],
  ['a switch that trusts everybody', { node, index, tls: { rejectUnauthorized: false } }, /^tls\.rejectUnauthorized: is not an option/],
  ['TLS for http', { node: 'http://127.0.0.1', index, tls: { ca: CA } }, /^tls: is for https/],
  ['retention of an index', { node, index, retention: 30 }, /^retention: needs dataStream: true/],
  ['retention of half a day', { node, index, dataStream: true, retention: 0.5 }, /^retention: must be a whole number/],
  ['a priority that is the server\'s own', { node, index, template: { priority: 200 } }, /^template\.priority: must be a whole number/],
  ['an unknown part of a template', { node, index, template: { mappings: {} } }, /^template\.mappings: is not an option/],
  ['a client that is none', { client: {}, index }, /^client: must be a Client/],
  ['a client and a node', { client: { transport: { request: () => undefined } }, node, index }, /^node: is the own client's affair/],
  ['a clock that is none', { node, index, clock: {} }, /^clock: must be/],
])('%s is a problem that is named', (_what, options, expected) => {
  expect(problemsOf(options)).toEqual([expect.stringMatching(expected)]);
});

test('everything that is wrong is said at once', () => {
  expect(problemsOf({ node: 'x', index: '', retention: 1, compression: 1, template: { shards: 0 } }).map((problem) => problem.split(':')[0])).toEqual(
    expect.arrayContaining(['node', 'index', 'retention', 'compression', 'template.shards']),
  );
});

test('no credential comes out of problems, nor of what is made of options', () => {
  const secrets = { password: 'pass-7f3c9a1e', apiKey: 'key-7f3c9a1e', key: '-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleQ==\n-----END PRIVATE KEY-----' };
  const settings = [
    resolveElasticsearchOptions({ node, index, auth: { username: 'mesh', password: secrets.password } }),
    resolveElasticsearchOptions({ node, index, auth: { apiKey: secrets.apiKey }, tls: { cert: CA, key: secrets.key, passphrase: 'pass-7f3c9a1e' } }),
  ];
  const printed = settings.map((each) => inspect(each, { depth: Infinity }) + JSON.stringify(each)).join() + problemsOf({ node: 'http://es.example', index, auth: { apiKey: secrets.apiKey } }).join();
  for (const secret of [secrets.password, secrets.apiKey, 'c2VjcmV0LWtleQ']) expect(printed).not.toContain(secret);
});
