import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { DatadogAdapter } from '@lemur-bookstores/adapter-datadog';
import { ElasticsearchAdapter, type ElasticsearchAuth } from '@lemur-bookstores/adapter-elasticsearch';
import { AlertingAdapter } from '@lemur-bookstores/adapter-pagerduty';
import type { Logger, ManagedAdapter, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { ContractServer, type ContractAnswer, type ContractRequest } from './support/contract-servers.js';
import { CapturedProcessOutput, TextSink } from './support/output.js';
import { RecordingAdapter } from './support/recording-adapter.js';
import { Secrets } from './support/secrets.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

/*
 * Keys of the adapters for remote sinks, and everything that is put out. The sinks are the worst there are: they say in their answers what they were sent.
 */

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const secrets = new Secrets();
const canary = (name: string): string => {
  const text = randomBytes(16).toString('hex');
  secrets.add(name, text);
  return text;
};

/** All that it was sent, as it came, and as a proxy might show it. */
function echo(status: number, { headers, body }: ContractRequest): ContractAnswer {
  const [, basic = ''] = /^Basic (.*)$/.exec(headers['authorization'] ?? '') ?? [];
  return { status, headers: { 'content-type': 'text/plain', 'x-elastic-product': 'Elasticsearch' }, body: `${JSON.stringify(headers)} ${Buffer.from(basic, 'base64').toString()} ${String(body)}` };
}

const apiKey = canary('API key of Datadog');
const integrationKey = canary('integration key of PagerDuty');
const password = canary('password of Elasticsearch');
const auths: readonly ElasticsearchAuth[] = [{ username: 'mesh', password }, { apiKey: canary('API key of Elasticsearch') }, { bearer: canary('token of Elasticsearch') }];
secrets.add('HTTP basic', Buffer.from(`mesh:${password}`).toString('base64'));

test.each([400, 401, 403, 404, 429, 500, 302, 200])('no key is in any output where the sinks answer %d and say all they were sent', async (status) => {
  const outputs = new Map<string, Uint8Array | string>();
  const put = (name: string, output: unknown): void => void outputs.set(`${outputs.size} ${name}`, output instanceof Uint8Array || typeof output === 'string' ? output : (JSON.stringify(output) ?? 'undefined'));
  const putAll = (name: string, value: unknown): void => {
    put(`inspect ${name}`, inspect(value, { depth: Infinity, showHidden: true, getters: true, maxStringLength: Infinity, maxArrayLength: Infinity }));
    put(`JSON of ${name}`, value);
    put(`text of ${name}`, String(value));
  };
  // PagerDuty's limit is no failure: the adapter keeps what it is to tell until the limit has passed.
  const isLimit = (name: string | undefined): boolean => status === 429 && name === 'pagerduty';
  const server = await new ContractServer({ handle: (request) => echo(status, request), refuse: (code) => ({ status: code }) }).start();
  bed.closing({ close: () => server.stop() });
  const log: string[] = [];
  const add = (level: string) => (message: string, fields?: object) => void log.push(`${level} ${message} ${inspect(fields, { depth: Infinity })} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
  const console = new TextSink();
  const remote: ManagedAdapter[] = [
    new DatadogAdapter({ apiKey, service: 'orders', logsUrl: server.url, metricsUrl: server.url }),
    new AlertingAdapter({ integrationKey, url: server.url }),
    ...auths.map((auth) => new ElasticsearchAdapter({ node: server.url, index: 'mesh-audit', auth })),
  ];
  const captured = new CapturedProcessOutput();
  const trail = join(bed.folder, `trail-${status}`);
  const recording = new RecordingAdapter();
  try {
    const adapters = [recording, new ConsoleAdapter({ level: 'debug', format: 'json', stream: console }), new FileAdapter(trail), ...remote];
    const { mesh } = bed.mesh({ serviceId: 'orders', logger, monitoring: { adapters, spill: { directory: join(bed.folder, `spill-${status}`) }, retryDelayMs: 20, metricsIntervalMs: 50, onDeadLetter: (events, failure) => void putAll('a dead letter', [events, failure]) } });
    await mesh.initialize();
    const opened = { eventType: 'circuit_breaker', targetServiceId: 'payments', details: { action: 'breaker.opened', success: false } } as const;
    mesh.audit.record(opened);
    await until('each has failed', () => mesh.audit.stats().adapters.slice(-remote.length).every(({ adapter, failures }) => failures > 0 || isLimit(adapter)));
    await until('metrics have failed', () => log.some((line) => line.includes('logMetrics')));
    const event = recording.events.find(({ details }) => details.action === 'breaker.opened') as MeshAuditEvent;
    for (const [index, adapter] of remote.entries()) {
      const error: unknown = await adapter.logEvent({ ...event, id: `${event.id.slice(0, -2)}0${index}` }).then(() => 'it succeeded', (failure: unknown) => failure);
      // Where the answer is 200 the failure is what is in it.
      if (!isLimit(adapter.name)) expect(error).not.toBe('it succeeded');
      putAll(`error of ${adapter.name ?? ''} ${index}`, error);
      put(`stack of ${adapter.name ?? ''} ${index}`, (error as Error).stack);
      putAll(`${adapter.name ?? ''} ${index}`, adapter);
    }
    for (const value of [mesh, mesh.audit, mesh.health, mesh.getStats(), mesh.metrics(), await mesh.healthCheck()]) putAll('of the mesh', value);
    await mesh.cleanup();
  } finally {
    captured.restore();
  }
  put('operational log', log.join('\n'));
  put('console', console.bytes);
  put('stdout', captured.stdout);
  put('stderr', captured.stderr);
  put('events of another adapter', recording.events);
  for (const folder of [trail, join(bed.folder, `spill-${status}`)]) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile())) put(`file ${file}`, readFileSync(join(folder, file)));
  }
  expect(server.requests).toBeGreaterThan(0);
  expect(outputs.size).toBeGreaterThan(40);
  expect([...new Set(secrets.find(outputs).map(({ secret, form, output }) => `${secret}: ${form} in ${output}`))]).toEqual([]);
  // The sinks did have them: what is searched for can be found.
  expect(new Set(secrets.find(new Map([['sent', JSON.stringify(server.log)]])).map(({ secret }) => secret))).toContain('API key of Datadog');
}, 60_000);
