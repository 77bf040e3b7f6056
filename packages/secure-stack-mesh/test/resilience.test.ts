import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type AuditEventInput, type GatedCall, type OwnAuditSink, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import type { CircuitBreaker } from '@lemur-bookstores/mesh-resilience';
import { resilienceOf } from '../src/resilience.js';
import { completeOptions } from '../src/validate-options.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const errorOf = (call: Promise<unknown>): Promise<MeshError> => call.then(() => Promise.reject(new Error('it succeeded')), (error: MeshError) => error);

describe('resilience of a mesh', () => {
  test('a breaker opens, lets one probe through, and closes again; figures and trail say so', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    let broken = true;
    let ran = 0;
    payments.mesh.handle('pay', () => {
      ran++;
      if (broken) throw new Error('broken');
      return 'paid';
    });
    const orders = await bed.running({ serviceId: 'orders', resilience: { circuitBreaker: { failureThreshold: 2, successThreshold: 1, timeout: 300 } } });
    const client = orders.mesh.connect('payments');
    const state = (): string => orders.mesh.getStats().metrics.circuitBreakerState;
    for (let i = 0; i < 2; i++) expect(await errorOf(client.call('pay', {}))).toMatchObject({ code: 'INTERNAL' });
    expect(state()).toBe('open');
    expect(orders.mesh.metrics().breakers).toEqual([{ service: 'payments', endpoint: `127.0.0.1:${payments.port}`, state: 'open' }]);
    expect(await errorOf(client.call('pay', {}, { retry: false }))).toMatchObject({ reason: 'circuit_open', mayHaveRun: false });
    expect(ran).toBe(2);
    broken = false;
    // The retry comes when the refusal says: its attempt is the probe.
    expect(await client.call('pay', {})).toBe('paid');
    expect([state(), ran]).toEqual(['closed', 3]);
    expect(orders.mesh.metrics().breakers).toMatchObject([{ service: 'payments', state: 'closed' }]);
    await until('it closed', () => orders.audit.having('breaker.closed').length === 1);
    expect(orders.audit.events.filter(({ eventType }) => eventType === 'circuit_breaker').map(({ details }) => details.action)).toEqual(['breaker.opened', 'breaker.half_open', 'breaker.closed']);
  });

  test('only idempotent calls are tried again where they may have run; `retry: false` of the mesh is none at all', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    let ran = 0;
    payments.mesh.handle('pay', () => {
      if (++ran % 2 === 1) throw new MeshError('busy', 'later', { code: 'UNAVAILABLE' });
      return 'paid';
    });
    const orders = await bed.running({ serviceId: 'orders', resilience: { retry: { initialDelay: 1 } } });
    const client = orders.mesh.connect('payments');
    expect([await client.call('pay', {}, { idempotent: true }), ran]).toEqual(['paid', 2]);
    expect(await errorOf(client.call('pay', {}))).toMatchObject({ reason: 'busy', mayHaveRun: true });
    expect([ran, orders.mesh.getStats().metrics.messagesSent]).toEqual([3, 2]);
    ran = 0;
    const without = await bed.running({ serviceId: 'without', resilience: { retry: false } });
    await errorOf(without.mesh.connect('payments').call('pay', {}, { idempotent: true }));
    expect(ran).toBe(1);
  });

  test('a peer that calls too often learns when to come back; the trail has its burst once, and others are served', async () => {
    const payments = await bed.running({ serviceId: 'payments', resilience: { rateLimit: { maxRequests: 2, windowMs: 60_000 } } });
    payments.mesh.handle('pay', () => 'paid');
    const [orders, others] = [await bed.running({ serviceId: 'orders' }), await bed.running({ serviceId: 'others' })];
    const client = orders.mesh.connect('payments');
    for (let i = 0; i < 2; i++) expect(await client.call('pay', {})).toBe('paid');
    for (let i = 0; i < 5; i++) {
      const refused = await errorOf(client.call('pay', {}, { retry: false }));
      expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'rate_limited', mayHaveRun: false });
      expect(refused.retryAfterMs).toBeGreaterThan(0);
    }
    expect(await others.mesh.connect('payments').call('pay', {})).toBe('paid');
    expect(payments.audit.events.filter(({ eventType }) => eventType === 'rate_limit')).toHaveLength(1);
    expect(orders.mesh.getStats().metrics.circuitBreakerState).toBe('closed');
  });

  test('calls beyond limit and queue are refused before their handler runs', async () => {
    const payments = await bed.running({ serviceId: 'payments', resilience: { concurrency: { limit: 1, queue: 0 } } });
    let end = (): void => {};
    let ran = 0;
    payments.mesh.handle('pay', () => new Promise((resolve) => ((end = () => resolve('paid')), ran++)));
    const client = (await bed.running({ serviceId: 'orders' })).mesh.connect('payments');
    const first = client.call('pay', {});
    await until('it runs', () => ran === 1);
    expect(await errorOf(client.call('pay', {}, { retry: false }))).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'overloaded', mayHaveRun: false });
    end();
    expect([await first, ran]).toEqual(['paid', 1]);
  });

  test('options are refused together, each by its path', () => {
    const resilience = { rateLimit: { maxRequests: 0, windowMs: 1 }, circuitBreaker: { failureThreshold: 0 }, retry: { maxAttempts: 0 }, concurrency: { limit: 0 }, inheritDeadlines: 'yes', timeoutMs: 0, unknown: 1 };
    let problems: string[] = [];
    try {
      completeOptions({ serviceId: 's', port: 0, resilience } as never);
    } catch (error) {
      problems = (MeshError.from(error).details as { problems: string[] }).problems;
    }
    expect(problems.map((problem) => problem.split(':')[0]).sort()).toEqual([
      'resilience.circuitBreaker.failureThreshold', 'resilience.concurrency.limit', 'resilience.inheritDeadlines', 'resilience.rateLimit.maxRequests', 'resilience.retry.maxAttempts', 'resilience.timeoutMs', 'resilience.unknown',
    ]);
  });
});

describe('parts of the mesh that an option does not name', () => {
  const peer: PeerIdentity = { id: 'spiffe://mesh.test/orders', trustDomain: 'mesh.test', serviceId: 'orders', publicKey: '', notAfter: new Date(0) } as never;
  const call: GatedCall = { peer, method: 'pay', onPlace: () => {}, onRefused: () => {} };
  const failure = new MeshError('connection_lost', 'away', { mayHaveRun: true });

  test.each([
    ['are left out', {}, {}, {}],
    ['are `undefined`', { clock: undefined, audit: undefined, logger: undefined }, { clock: undefined, audit: undefined }, { clock: undefined }],
  ])('%s: clock, trail and log are those of the mesh', async (_what, ofBreaker, ofLimiter, ofRetry) => {
    const clock = new FakeClock();
    const trail: string[] = [];
    const log: string[] = [];
    const add = (line: string): void => void log.push(line);
    const audit = { enabled: true, record: ({ details }: AuditEventInput) => trail.push(details.action), log: () => Promise.resolve() } as unknown as OwnAuditSink;
    const { breakers, retry, gate } = resilienceOf(
      { circuitBreaker: { failureThreshold: 1, ...ofBreaker }, retry: { budget: { burst: 1 }, ...ofRetry }, rateLimit: { maxRequests: 1, windowMs: 1_000, ...ofLimiter } },
      { clock, audit, logger: { debug: add, info: add, warn: add, error: add } },
    );
    (breakers as CircuitBreaker).onTransition(() => {
      throw new Error('a listener of the user');
    });
    const breaker = breakers!.breakerFor('payments', 'a:1');
    breaker.settle(breaker.admit(), failure);
    expect([breaker.isReady(), gate!.enter(call), MeshError.is(gate!.enter(call)), trail, log.length]).toEqual([false, undefined, true, ['breaker.opened', 'rate.limited'], 1]);
    const again = (): boolean => retry!.next('payments', failure, { attempt: 1, idempotent: true, remainingMs: 60_000 }).retry;
    expect([again(), again()]).toEqual([true, false]);
    await clock.advance(60_000);
    expect([breaker.isReady(), gate!.enter(call), again()]).toEqual([true, undefined, true]);
  });
});
