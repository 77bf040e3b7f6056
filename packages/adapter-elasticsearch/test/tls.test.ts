import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '@lemur-bookstores/mesh-interface';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import type { ElasticsearchTls } from '../src/elasticsearch-adapter-options.js';
import { startElasticsearchContract, type ElasticsearchContract } from './support/elasticsearch-contract.js';
import { eventsOf, open, rejectionOf } from './support/events.js';

interface Pair {
  readonly key: string;
  readonly cert: string;
}

const directory = mkdtempSync(join(tmpdir(), 'mesh-elastic-tls-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Left out where there is no openssl. */
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
const read = (name: string): Pair => ({ key: readFileSync(join(directory, `${name}.key`), 'utf8'), cert: readFileSync(join(directory, `${name}.crt`), 'utf8') });
/** Else they tell two CAs of one name apart, before a signature is looked at. */
const NO_KEY_IDS = ['-addext', 'subjectKeyIdentifier=none', '-addext', 'authorityKeyIdentifier=none'];
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function authority(name: string, subject: string): Pair {
  openssl('req', '-x509', ...curve, '-days', '2', '-subj', subject, '-addext', 'keyUsage=critical,keyCertSign', ...NO_KEY_IDS, '-keyout', `${name}.key`, '-out', `${name}.crt`);
  return read(name);
}

function issued(name: string, ca: string, san: string, more = ''): Pair {
  openssl('req', ...curve, '-subj', '/CN=node', '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(join(directory, `${name}.ext`), `subjectAltName=${san}\nauthorityKeyIdentifier=none\n${more}`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  return read(name);
}

let ca: Pair;
let leaf: Pair;
let cluster: ElasticsearchContract;
let server: Server | undefined;
let adapter: ElasticsearchAdapter | undefined;

beforeAll(async () => {
  ca = authority('ca', '/CN=Elastic CA');
  leaf = issued('leaf', 'ca', 'IP:127.0.0.1');
  cluster = await startElasticsearchContract();
});
afterAll(() => cluster.stop());
afterEach(async () => {
  await adapter?.close();
  server?.closeAllConnections();
  server?.close();
});

const fingerprintOf = ({ cert }: Pair): string => new X509Certificate(cert).fingerprint256;

/** In front of the cluster: answers with what that answers. @param chain as it is shown */
async function serve({ key }: Pair, chain: string): Promise<string> {
  server = createServer({ key, cert: chain }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const { host: _host, ...headers } = request.headers;
      void fetch(cluster.url + String(request.url), { method: request.method ?? 'GET', headers: headers as Record<string, string>, ...(request.method === 'GET' ? {} : { body: Buffer.concat(chunks) }) }).then(async (answer) =>
        response.writeHead(answer.status, { 'content-type': String(answer.headers.get('content-type')), 'x-elastic-product': 'Elasticsearch' }).end(await answer.text()),
      );
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(server?.address() as AddressInfo).port}`;
}

const deliver = async (node: string, tls?: ElasticsearchTls): Promise<unknown> => {
  adapter = new ElasticsearchAdapter({ node, index: 'mesh-tls', auth: { bearer: 'token-7f3c9a1e' }, ...(tls === undefined ? {} : { tls }) });
  return adapter.logEvents(eventsOf(2), open);
};

test('a CA that is given is trusted, and none that is not', async () => {
  const node = await serve(leaf, leaf.cert);
  await deliver(node, { ca: ca.cert });
  expect(await rejectionOf(deliver(node))).toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringMatching(/cannot be reached: .*(certificate|issuer)/) });
});

test('the fingerprint of the CA is enough, where the server shows the CA', async () => {
  await deliver(await serve(leaf, leaf.cert + ca.cert), { fingerprint: fingerprintOf(ca) });
});

test('so is that of a certificate that signs itself', async () => {
  openssl('req', '-x509', ...curve, '-days', '2', '-subj', '/CN=self', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'self.key', '-out', 'self.crt');
  const self = read('self');
  await deliver(await serve(self, self.cert), { fingerprint: fingerprintOf(self).replaceAll(':', '').toLowerCase() });
});

test('the real CA shown beside a certificate that it has not signed is not trusted', async () => {
  // Of the same name, as a man in the middle makes one.
  authority('evil', '/CN=Elastic CA');
  const forged = issued('forged', 'evil', 'IP:127.0.0.1');
  const node = await serve(forged, forged.cert + ca.cert);
  expect(await rejectionOf(deliver(node, { fingerprint: fingerprintOf(ca) }))).toMatchObject({ reason: 'adapter_failed', message: expect.stringContaining('do not vouch for one another') });
});

test('neither is another CA, nor a certificate for another host', async () => {
  const other = authority('other', '/CN=Other CA');
  const stranger = issued('stranger', 'other', 'IP:127.0.0.1');
  expect(await rejectionOf(deliver(await serve(stranger, stranger.cert + other.cert), { fingerprint: fingerprintOf(ca) }))).toMatchObject({ message: expect.stringContaining('was not issued by the CA of tls.fingerprint') });
  await adapter?.close();
  server?.close();
  const elsewhere = issued('elsewhere', 'ca', 'DNS:es.example');
  expect(await rejectionOf(deliver(await serve(elsewhere, elsewhere.cert + ca.cert), { fingerprint: fingerprintOf(ca) }))).toMatchObject({ reason: 'adapter_failed', message: expect.stringMatching(/altnames|does not match/i) });
});

test('nor is a certificate for clients, and one for servers is', async () => {
  const client = issued('client', 'ca', 'IP:127.0.0.1', 'extendedKeyUsage=clientAuth\n');
  expect(await rejectionOf(deliver(await serve(client, client.cert + ca.cert), { fingerprint: fingerprintOf(ca) }))).toMatchObject({ message: expect.stringContaining('is not for servers') });
  await adapter?.close();
  server?.close();
  const both = issued('both', 'ca', 'IP:127.0.0.1', 'extendedKeyUsage=serverAuth,clientAuth\n');
  await deliver(await serve(both, both.cert + ca.cert), { fingerprint: fingerprintOf(ca) });
});

test.each([['over', 3], ['yet to come', -3]])('nor one whose time is %s', async (_when, days) => {
  const node = await serve(leaf, leaf.cert + ca.cert);
  adapter = new ElasticsearchAdapter({ node, index: 'mesh-tls', tls: { fingerprint: fingerprintOf(ca) }, clock: { ...systemClock, now: () => Date.now() + days * 86_400_000 } });
  expect(await rejectionOf(adapter.logEvents(eventsOf(1), open))).toMatchObject({ reason: 'adapter_failed', message: expect.stringContaining('is not valid at this time') });
});

test('nor one that a certificate has signed which is no CA\'s, whichever is pinned', async () => {
  const below = issued('below', 'leaf', 'IP:127.0.0.1');
  const node = await serve(below, below.cert + leaf.cert + ca.cert);
  for (const pinned of [ca, leaf]) {
    expect(await rejectionOf(deliver(node, { fingerprint: fingerprintOf(pinned) }))).toMatchObject({ reason: 'adapter_failed', message: expect.stringContaining('do not vouch for one another') });
    await adapter?.close();
  }
});
