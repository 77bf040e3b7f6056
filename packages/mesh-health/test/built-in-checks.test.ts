import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type AuditLaneStats, type HealthCheck, type HealthCheckResult } from '@lemur-bookstores/mesh-interface';
import { auditCheck, cryptoCheck, discoveryCheck, meshCoreCheck } from '../src/built-in-checks.js';
import { HealthMonitor } from '../src/health-monitor.js';

const clock = new FakeClock();
const timestamp = new Date(clock.now());

async function run(check: HealthCheck): Promise<HealthCheckResult> {
  const monitor = new HealthMonitor(1_000, { clock });
  monitor.registerCheck(check);
  return (await monitor.runChecks())[check.name]!;
}

describe('built-in checks', () => {
  test('have their names, and only mesh-core and crypto count', () => {
    const checks = [
      meshCoreCheck({ isListening: () => true, activeSessions: () => 0 }),
      cryptoCheck({ selfTest: () => undefined }),
      discoveryCheck(() => ({ lastSuccessAt: 0, lastError: undefined, knownServices: 0 })),
      auditCheck(() => ({ emitted: 0, adapters: [] })),
    ];
    expect(checks.map(({ name, critical }) => [name, critical ?? true])).toEqual([['mesh-core', true], ['crypto', true], ['discovery', false], ['audit', false]]);
  });

  test('mesh-core: listening, with or without sessions', async () => {
    expect(await run(meshCoreCheck({ isListening: () => true, activeSessions: () => 0 }, clock))).toEqual({ status: 'healthy', timestamp, details: { listening: true, activeSessions: 0 } });
    expect(await run(meshCoreCheck({ isListening: () => false, activeSessions: () => 2 }, clock))).toEqual({
      status: 'unhealthy', timestamp, error: 'not listening', details: { listening: false, activeSessions: 2 },
    });
    const [sessions, eventLoop] = [{ inbound: 2, outbound: 1 }, { meanMs: 0.4, p99Ms: 900, maxMs: 4_000 }];
    // Late as it may be: shown, not judged.
    expect(await run(meshCoreCheck({ isListening: () => true, activeSessions: () => 3, sessions: () => sessions, eventLoop: () => eventLoop }, clock))).toEqual({
      status: 'healthy', timestamp, details: { listening: true, activeSessions: 3, sessions, eventLoop },
    });
  });

  test('crypto: the self-test', async () => {
    expect(await run(cryptoCheck({ selfTest: () => undefined }, clock))).toEqual({ status: 'healthy', timestamp, details: { selfTest: 'passed' } });
    const failure = new MeshError('self_test_failed', 'AES-GCM gave another tag');
    for (const selfTest of [() => Promise.reject(failure), () => { throw failure; }]) {
      expect(await run(cryptoCheck({ selfTest }, clock))).toEqual({ status: 'unhealthy', timestamp, error: 'self_test_failed: AES-GCM gave another tag' });
    }
  });

  test('crypto: the own certificate', async () => {
    const certificate = (state: 'valid' | 'expiring' | 'expired') => () => ({ notAfter: clock.now(), remainingMs: 0, state });
    const selfTest = (): void => undefined;
    expect(await run(cryptoCheck({ selfTest, certificate: certificate('valid') }, clock))).toMatchObject({ status: 'healthy', details: { certificate: { state: 'valid' } } });
    const soon = { notAfter: clock.now() + 1.26 * 86_400_000, remainingMs: 1.26 * 86_400_000, state: 'expiring' } as const;
    expect(await run(cryptoCheck({ selfTest, certificate: () => soon }, clock))).toMatchObject({
      status: 'degraded', error: `the own certificate ends at ${new Date(soon.notAfter).toISOString()} and was not replaced: renew it`, details: { certificate: { state: 'expiring', daysLeft: 1.2 } },
    });
    const error = `the own certificate expired at ${timestamp.toISOString()}`;
    expect(await run(cryptoCheck({ selfTest, certificate: certificate('expired') }, clock))).toMatchObject({ status: 'unhealthy', error, details: { certificate: { state: 'expired' } } });
    expect(await run(cryptoCheck({ selfTest, certificate: () => undefined }, clock))).toMatchObject({ status: 'healthy', details: { selfTest: 'passed' } });
  });

  test('crypto: the static key, against its cryptoperiod', async () => {
    const selfTest = (): void => undefined;
    const key = { keyId: 'ab', ageMs: 5_400_000, intervalMs: 3_600_000, overdue: false };
    expect(await run(cryptoCheck({ selfTest, staticKey: () => key }, clock))).toEqual({ status: 'healthy', timestamp, details: { selfTest: 'passed', staticKey: key } });
    const overdue = { ...key, overdue: true };
    const error = 'the static key is 5400 s old and was to be rotated every 3600 s';
    expect(await run(cryptoCheck({ selfTest, staticKey: () => overdue }, clock))).toEqual({ status: 'degraded', timestamp, error, details: { selfTest: 'passed', staticKey: overdue } });
    expect(await run(cryptoCheck({ selfTest, staticKey: () => undefined }, clock))).toMatchObject({ status: 'healthy' });
  });

  test('discovery: the last error', async () => {
    const lastError = new MeshError('discovery_failed', 'no answer');
    expect(await run(discoveryCheck(() => ({ lastSuccessAt: 5, lastError: undefined, knownServices: 2 }), clock))).toMatchObject({ status: 'healthy' });
    expect(await run(discoveryCheck(() => ({ lastSuccessAt: 5, lastError, knownServices: 2 }), clock))).toEqual({
      status: 'degraded', timestamp, error: 'discovery_failed: no answer', details: { knownServices: 2, lastSuccessAt: 5, lastSuccessAgoMs: clock.now() - 5, reason: 'discovery_failed' },
    });
    const never = await run(discoveryCheck(() => ({ lastSuccessAt: 0, lastError: undefined, knownServices: 0 }), clock));
    expect(never.details).toEqual({ knownServices: 0, lastSuccessAt: 0 });
  });

  test('audit: losses since the last look, lanes that are full, failing or behind', async () => {
    let lanes: Partial<AuditLaneStats>[] = [];
    const check = auditCheck(() => ({ emitted: 0, adapters: lanes as AuditLaneStats[] }), clock);
    const look = async (...next: Partial<AuditLaneStats>[]): Promise<[string, string | undefined]> => {
      lanes = next.map((lane) => ({ queued: 0, spilled: 0, spillBytes: 0, spillMaxBytes: 0, dropped: 0, deadLettered: 0, failing: false, full: false, oldestQueuedMs: 0, deliveryTimeoutMs: 10_000, ...lane }));
      const { status, error } = await run(check);
      return [status, error];
    };
    expect(await look({ adapter: 'console' }, { adapter: 'file' })).toEqual(['healthy', undefined]);
    const failing = { adapter: 'console', queued: 1, failing: true };
    expect(await look(failing, { adapter: 'file', delivered: 9 })).toEqual(['degraded', 'console takes nothing']);
    // Regression: between two tries nothing changes, and the sink is still down.
    expect(await look(failing, { adapter: 'file', delivered: 9 })).toEqual(['degraded', 'console takes nothing']);
    expect(await look({ ...failing, queued: 0 })).toEqual(['healthy', undefined]);
    expect(await look({ adapter: 'console', queued: 1, failing: false })).toEqual(['healthy', undefined]);
    expect(await look(failing, { adapter: 'file', dropped: 3, deadLettered: 1 })).toEqual(['unhealthy', 'file lost 4 event(s); console takes nothing']);
    expect(await look({ adapter: 'console' }, { adapter: 'file', dropped: 3, deadLettered: 1 })).toEqual(['healthy', undefined]);
    // A sink that refuses everything leaves nothing to wait: it is no better for that, until it takes something.
    const refusing = { adapter: 'file', dropped: 3, deadLettered: 2, failing: true };
    expect(await look(refusing)).toEqual(['unhealthy', 'file lost 1 event(s)']);
    expect(await look(refusing)).toEqual(['degraded', 'file refused what it got last']);
    expect(await look({ ...refusing, failing: false })).toEqual(['healthy', undefined]);
  });

  test('regression: audit is not healthy while a sink hangs or a lane is full', async () => {
    const lane = { adapter: 'file', queued: 1, spilled: 0, spillBytes: 0, spillMaxBytes: 0, dropped: 0, deadLettered: 0, failing: false, full: false, oldestQueuedMs: 10_000, deliveryTimeoutMs: 10_000 };
    const look = (next: Partial<AuditLaneStats>): Promise<HealthCheckResult> => run(auditCheck(() => ({ emitted: 0, adapters: [{ ...lane, ...next } as AuditLaneStats] }), clock));
    expect(await look({})).toMatchObject({ status: 'healthy' });
    expect(await look({ oldestQueuedMs: 10_001 })).toMatchObject({ status: 'degraded', error: 'file is 10 s behind' });
    expect(await look({ full: true, oldestQueuedMs: 0 })).toMatchObject({ status: 'unhealthy', error: 'file has no room for more events' });
  });

  test('audit: a sink that is down shows while its events are in the spill, and a spill that fills up', async () => {
    const lane = { adapter: 'file', queued: 0, spilled: 7, spillBytes: 50, spillMaxBytes: 100, dropped: 0, deadLettered: 0, failing: true, full: false, oldestQueuedMs: 0, deliveryTimeoutMs: 10_000 };
    const look = (next: Partial<AuditLaneStats>): Promise<HealthCheckResult> => run(auditCheck(() => ({ emitted: 0, adapters: [{ ...lane, ...next } as AuditLaneStats] }), clock));
    expect(await look({})).toMatchObject({ status: 'degraded', error: 'file takes nothing, 7 event(s) in a spill that is 50 % full' });
    expect(await look({ failing: false })).toMatchObject({ status: 'healthy' });
    expect(await look({ failing: false, spillBytes: 81 })).toMatchObject({ status: 'degraded', error: 'file is behind, 7 event(s) in a spill that is 81 % full' });
    expect(await look({ full: true })).toMatchObject({ status: 'unhealthy', error: 'file has no room for more events' });
  });
});
