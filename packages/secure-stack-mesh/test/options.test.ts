import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { SecureMesh } from '../src/secure-mesh.js';

const GOOD = { serviceId: 'orders', port: 0 };
const node = (more: object): object => ({ discovery: { services: [{ id: 'payments', host: 'payments.internal', port: 50_051, ...more }] } });
const adapter = { logEvent: () => Promise.resolve() };

/** What is wrong with options, one line each; empty where nothing is. */
function problemsOf(options: unknown): readonly string[] {
  try {
    void new SecureMesh(options as SecureMeshOptions);
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'invalid_option' });
    const { details, text } = error as MeshError;
    const problems = (details as { readonly problems: readonly string[] } | undefined)?.problems;
    expect(text).toBe(problems?.join('; ') ?? text);
    return problems ?? [text];
  }
}

/** The path of the problem, and options that have it and no other. */
const bad: readonly [string, object][] = [
  ['serviceId', { serviceId: undefined }],
  ['serviceId', { serviceId: '' }],
  ['serviceId', { serviceId: '../etc/passwd' }],
  ['serviceId', { serviceId: '-orders' }],
  ['serviceId', { serviceId: 'a'.repeat(64) }],
  ['serviceId', { serviceId: 7 }],
  ['port', { port: undefined }],
  ['port', { port: -1 }],
  ['port', { port: 65_536 }],
  ['port', { port: 80.5 }],
  ['port', { port: '50051' }],
  ['port', { port: Number.NaN }],
  ['prot', { prot: 1 }],
  ['host', { host: '' }],
  ['advertise', { advertise: 'orders.internal' }],
  ['advertise.port', { advertise: { port: 0 } }],
  ['advertise.host', { advertise: { host: 7 } }],
  ['identity', { identity: 'local' }],
  ['identity', { identity: null }],
  ['identity.local', { identity: { local: false } }],
  ['identity', { identity: { local: true, certFile: 'cert.pem' } }],
  ['identity.caFile', { identity: { certFile: 'cert.pem', keyFile: 'key.pem' } }],
  ['identity.keyFile', { identity: { certFile: 'cert.pem', keyFile: '', caFile: 'ca.pem' } }],
  ['identity.keyfile', { identity: { certFile: 'cert.pem', keyFile: 'key.pem', caFile: 'ca.pem', keyfile: 'key.pem' } }],
  ['discovery', { discovery: [] }],
  ['discovery.services', { discovery: { services: {} } }],
  ['discovery.services[0]', { discovery: { services: [null] } }],
  ['discovery.services[0].id', node({ id: 'no/path' })],
  ['discovery.services[0].host', node({ host: undefined })],
  ['discovery.services[0].port', node({ port: 0 })],
  ['discovery.services[0].port', node({ port: undefined })],
  ['discovery.services[0].tls', node({ tls: 'yes' })],
  ['discovery.services[0].path', node({ path: 'mesh' })],
  ['discovery.services[0].publicKey', node({ publicKey: 'abc' })],
  ['discovery.services[0].publicKey', node({ publicKey: [] })],
  ['discovery.services[0].publicKey', node({ publicKey: 7 })],
  ['discovery.services[0].spiffeId', node({ spiffeId: 'https://mesh.test/payments' })],
  ['discovery.services[0].spiffeId', node({ spiffeId: 7 })],
  ['discovery.services[0].weight', node({ weight: 1 })],
  ['discovery.provider', { discovery: { provider: { discover: () => [] } } }],
  ['security.suite', { security: { suite: 'aes128' } }],
  ['security.primitives', { security: { primitives: 'openssl' } }],
  ...[0, -1, 59_999, 60_000.5, 2_592_000_001, Number.NaN, Number.POSITIVE_INFINITY, '1d', null].map((sessionTimeout): [string, object] => ['security.sessionTimeout', { security: { sessionTimeout } }]),
  ['security.insecure', { security: { insecure: true } }],
  ...[true, 'orders', null, [], ['orders'], new Map([['pay', '*']]), {}, Object.create(['pay'])].map((authorize: unknown): [string, object] => ['security.authorize', { security: { authorize } }]),
  ['security.authorize["pay"]', { security: { authorize: { pay: 'orders' } } }],
  ['security.authorize["pay"]', { security: { authorize: { pay: true } } }],
  ['security.authorize["pay"]', { security: { authorize: { pay: undefined } } }],
  ['security.authorize["health"]', { security: { authorize: { health: ['monitor'] } } }],
  ['security.authorize[""]', { security: { authorize: { '': '*' } } }],
  ['security.authorize["pay"][1]', { security: { authorize: { pay: ['orders', ''] } } }],
  ['security.authorize["pay"][0]', { security: { authorize: { pay: ['ns/shop'] } } }],
  ['security.authorize["pay"][0]', { security: { authorize: { pay: ['*'] } } }],
  ['security.authorize["pay"][0]', { security: { authorize: { pay: [7] } } }],
  ['security.authorize["pay"][0]', { security: { authorize: { pay: new Array(1) } } }],
  ['security.authorize["pay"][0]', { security: { authorize: { pay: ['spiffe://Mesh.test/orders'] } } }],
  ['security.authorize["pay"][0]', { security: { authorize: { pay: ['spiffe://mesh.test'] } } }],
  ['security.authorizeMode', { security: { authorize: { pay: '*' }, authorizeMode: 'log' } }],
  ['security.authorizeMode', { security: { authorizeMode: 'audit' } }],
  ['paths.keysDir', { paths: { keysDir: '' } }],
  ['paths.keyDir', { paths: { keyDir: '/keys' } }],
  ['resilience.timeoutMs', { resilience: { timeoutMs: 0 } }],
  ['resilience.timeoutMs', { resilience: { timeoutMs: Number.POSITIVE_INFINITY } }],
  ['resilience.backoff', { resilience: { backoff: 100 } }],
  ['resilience.backoff.maxMs', { resilience: { backoff: { maxMs: -1 } } }],
  ...['rateLimit', 'circuitBreaker', 'retry', 'concurrency'].flatMap((name) => [null, true, [], 5].map((value): [string, object] => [`resilience.${name}`, { resilience: { [name]: value } }])),
  ...[0, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, '5', null].flatMap((value): [string, object][] => [
    ...['failureThreshold', 'successThreshold', 'timeout', 'maxTargets'].map((name): [string, object] => [`resilience.circuitBreaker.${name}`, { resilience: { circuitBreaker: { [name]: value } } }]),
    ['resilience.circuitBreaker.strategy.minCalls', { resilience: { circuitBreaker: { strategy: { minCalls: value } } } }],
    ['resilience.retry.maxAttempts', { resilience: { retry: { maxAttempts: value } } }],
    ['resilience.retry.budget.burst', { resilience: { retry: { budget: { burst: value } } } }],
    ['resilience.rateLimit.maxRequests', { resilience: { rateLimit: { maxRequests: value, windowMs: 1_000 } } }],
    ['resilience.rateLimit.windowMs', { resilience: { rateLimit: { maxRequests: 1, windowMs: value } } }],
    ['resilience.rateLimit.methods.pay.maxRequests', { resilience: { rateLimit: { maxRequests: 1, windowMs: 1_000, methods: { pay: { maxRequests: value, windowMs: 1_000 } } } } }],
    ['resilience.rateLimit.total.maxRequests', { resilience: { rateLimit: { maxRequests: 1, windowMs: 1_000, total: { maxRequests: value, windowMs: 1_000 } } } }],
    ['resilience.concurrency.limit', { resilience: { concurrency: { limit: value } } }],
    ['loadBalancing.ejection.minCalls', { loadBalancing: { ejection: { minCalls: value } } }],
  ]),
  ['resilience.rateLimit.windowMs', { resilience: { rateLimit: { maxRequests: 1 } } }],
  ['resilience.rateLimit.maxRequest', { resilience: { rateLimit: { maxRequests: 1, windowMs: 1_000, maxRequest: 1 } } }],
  ['resilience.circuitBreaker.strategy', { resilience: { circuitBreaker: { strategy: 'fastest' } } }],
  ['resilience.circuitBreaker.strategy.rate', { resilience: { circuitBreaker: { strategy: { rate: 0.5 } } } }],
  ['resilience.circuitBreaker.threshold', { resilience: { circuitBreaker: { threshold: 5 } } }],
  ['resilience.circuitBreaker.maxTimeoutMs', { resilience: { circuitBreaker: { maxTimeoutMs: 59_999 } } }],
  ['resilience.retry.attempts', { resilience: { retry: { attempts: 3 } } }],
  ['resilience.retry.initialDelay', { resilience: { retry: { initialDelay: -1 } } }],
  ['resilience.retry.budget.ratio', { resilience: { retry: { budget: { ratio: 20 } } } }],
  ['resilience.concurrency.queue', { resilience: { concurrency: { queue: -1 } } }],
  ['resilience.concurrency.max', { resilience: { concurrency: { max: 1 } } }],
  ['resilience.concurrency.direction', { resilience: { concurrency: { direction: 'both' } } }],
  ['resilience.inheritDeadlines', { resilience: { inheritDeadlines: 1 } }],
  ['resilience.breaker', { resilience: { breaker: {} } }],
  ['loadBalancing', { loadBalancing: 'random' }],
  ['loadBalancing.strategy', { loadBalancing: { strategy: 'fastest' } }],
  ['loadBalancing.slowStartMs', { loadBalancing: { slowStartMs: -1 } }],
  ['loadBalancing.ejection', { loadBalancing: { ejection: true } }],
  ['loadBalancing.ejection.maxShare', { loadBalancing: { ejection: { maxShare: 50 } } }],
  ['loadBalancing.ejection.consecutiveFailures', { loadBalancing: { ejection: { consecutiveFailures: 0 } } }],
  ['loadBalancing.weights', { loadBalancing: { weights: {} } }],
  ['rotation', { rotation: 3_600_000 }],
  ...(['interval', 'rejectAfterMs', 'maxRecords', 'maxBytes', 'minIntervalMs'] as const).flatMap((name) =>
    [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1h', null, ...(name === 'minIntervalMs' ? [] : [0])].map((value): [string, object] => [`rotation.${name}`, { rotation: { [name]: value } }]),
  ),
  ['rotation.rejectAfterMs', { rotation: { interval: 3_600_000, rejectAfterMs: 3_600_000 } }],
  ['rotation.maxRecords', { rotation: { maxRecords: 2 ** 20 + 1 } }],
  ['rotation.maxBytes', { rotation: { maxBytes: 2 ** 34 + 1 } }],
  ['rotation.autoRotate', { rotation: { autoRotate: 'no' } }],
  ['rotation.intervalMs', { rotation: { intervalMs: 3_600_000 } }],
  ['monitoring', { monitoring: true }],
  ['monitoring.enabled', { monitoring: { enabled: 'no' } }],
  ['monitoring.adapters', { monitoring: { adapters: adapter } }],
  ['monitoring.adapters[1]', { monitoring: { adapters: [adapter, {}] } }],
  ['monitoring.adapters[0]', { monitoring: { adapters: [undefined] } }],
  ['monitoring.events', { monitoring: { adapters: [adapter], events: 'connection' } }],
  ['monitoring.events[1]', { monitoring: { adapters: [adapter], events: ['connection', 'conection'] } }],
  ['monitoring.redact', { monitoring: { redact: ['password'] } }],
  ['monitoring.redact.mask', { monitoring: { redact: { mask: 'password' } } }],
  ['monitoring.metricsIntervalMs', { monitoring: { metricsIntervalMs: 0 } }],
  ['monitoring.redact.maxDepth', { monitoring: { redact: { maxDepth: 0 } } }],
  ['monitoring.redact.paths', { monitoring: { redact: { paths: ['a'] } } }],
  ['monitoring.redact.hmac.salt', { monitoring: { redact: { hmac: { salt: 'short' } } } }],
  ['monitoring.level', { monitoring: { adapters: [adapter], level: 'payloads' } }],
  ['monitoring.delivery.conection', { monitoring: { adapters: [adapter], delivery: { conection: 'durable' } } }],
  ['monitoring.delivery.message', { monitoring: { adapters: [adapter], delivery: { message: 'exactly-once' } } }],
  ['monitoring.delivery.connection', { monitoring: { adapters: [adapter], delivery: { connection: 'fail-closed' } } }],
  ['monitoring.spill', { monitoring: { adapters: [adapter], spill: 'disk' } }],
  ['monitoring.spill.maxBytes', { monitoring: { adapters: [adapter], spill: { maxBytes: 0 } } }],
  ['monitoring.spill.directory', { monitoring: { adapters: [adapter], spill: { directory: '' } } }],
  ['monitoring.onDeadLetter', { monitoring: { adapters: [adapter], onDeadLetter: true } }],
  ['monitoring.batch', { monitoring: { adapters: [adapter], batch: 0.5 } }],
  ['monitoring.laneBytes', { monitoring: { adapters: [adapter], laneBytes: Number.NaN } }],
  ['monitoring.lanes', { monitoring: { adapters: [adapter], lanes: 3 } }],
  ['health', { health: {} }],
  ['logger', { logger: console.log }],
  ['limits.handshakeMs', { limits: { handshakeMs: 0 } }],
  ['limits.maxPending', { limits: { maxPending: '1024' } }],
  ['limits.maxConnections', { limits: { maxConnections: 10 } }],
  ['codec', { codec: { encode: () => Buffer.alloc(0) } }],
  ['transport', { transport: { dial: () => undefined } }],
  ['clock', { clock: Date }],
];

describe('an invalid option is told by its path', () => {
  test.each(bad)('%s: %j', (path, options) => {
    const problems = problemsOf({ ...GOOD, ...options });
    expect(problems).toEqual([expect.stringMatching(`^${path.replace(/[.[\]]/g, '\\$&')}: .{8,}$`)]);
  });

  test.each([undefined, null, 'orders', 7])('options that are none: %j', (options) => {
    expect(problemsOf(options)).toEqual(['options: must be an object']);
  });
});

test('all of them are told at once', () => {
  const all = {
    serviceId: 'no spaces',
    port: -1,
    identity: { certFile: '' },
    discovery: { services: [{ id: '', host: 'a', port: 1 }, { id: 'b', port: 1 }], provider: {} },
    security: { suite: 'none' },
    resilience: { timeoutMs: 0, backoff: { initialMs: 0 } },
    monitoring: { enabled: 1, adapters: [{}], events: ['everything'], redact: { mask: [1] } },
    limits: { drainMs: -1 },
    tls: true,
  };
  expect(problemsOf(all).map((problem) => problem.slice(0, problem.indexOf(':'))).sort()).toEqual(
    [
      'tls', 'serviceId', 'port', 'identity.certFile', 'identity.keyFile', 'identity.caFile', 'discovery.services[0].id', 'discovery.services[1].host',
      'discovery.provider', 'security.suite', 'resilience.timeoutMs', 'resilience.backoff.initialMs', 'monitoring.enabled', 'monitoring.adapters[0]',
      'monitoring.events[0]', 'monitoring.redact.mask', 'limits.drainMs',
    ].sort(),
  );
});

test.each([[{ '*': '*' }], [{ pay: ['orders', 'spiffe://mesh.test/ns/shop/sa/orders'], refund: [] }], [() => true], [JSON.parse('{"__proto__":["orders"]}')]])('may call: %p', (authorize: unknown) => {
  for (const authorizeMode of ['enforce', 'audit', undefined]) expect(problemsOf({ ...GOOD, security: { authorize, authorizeMode } })).toEqual([]);
});

test('30 days are fine for all periods of keys', () => {
  const month = 30 * 86_400_000;
  expect(problemsOf({ ...GOOD, security: { sessionTimeout: month }, rotation: { interval: month } })).toEqual([]);
  expect(problemsOf({ ...GOOD, security: { sessionTimeout: 60_000 }, rotation: { interval: 1 } })).toEqual([]);
});

test('an option that is undefined counts as left out', () => {
  const { serviceId, port, ...rest } = { ...GOOD, host: undefined, identity: undefined, discovery: undefined, monitoring: { adapters: undefined, events: undefined }, limits: { drainMs: undefined } };
  expect(problemsOf({ serviceId, port, ...rest })).toEqual([]);
});

test('a secret in a wrong place is not repeated', () => {
  const problems = problemsOf({ ...GOOD, identity: { certFile: 'cert.pem', keyFile: 7, caFile: 'ca.pem', key: 's3cret-k3y' }, host: ['s3cret-k3y'] });
  expect(problems).toHaveLength(3);
  expect(problems.join()).not.toContain('s3cret');
});
