import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { CallStatistics } from '../../src/call/call-statistics.js';

describe('call statistics', () => {
  test('counts by direction, peer, method and outcome', async () => {
    const clock = new FakeClock();
    const statistics = new CallStatistics(clock);
    const out = statistics.series('outbound', 'server', 'm');
    expect(statistics.series('outbound', 'server', 'm')).toBe(out);
    const into = statistics.series('inbound', 'client', 'm');
    for (let i = 0; i < 3; i++) statistics.started(out);
    statistics.ended(out, 10, undefined, clock.monotonic());
    statistics.ended(out, 20, 'UNAVAILABLE', clock.monotonic());
    statistics.started(into);
    statistics.ended(into, 500, 'INTERNAL', clock.monotonic());
    expect([statistics.messagesSent, statistics.messagesFailed, statistics.messagesReceived]).toEqual([3, 1, 1]);
    // Outbound calls alone.
    expect(statistics.averageLatency()).toBe(15);
    expect(statistics.snapshot()).toEqual([
      { direction: 'outbound', peer: 'server', method: 'm', started: 3, ended: { OK: 1, UNAVAILABLE: 1 }, duration: expect.objectContaining({ count: 2 }), idleMs: 0 },
      { direction: 'inbound', peer: 'client', method: 'm', started: 1, ended: { OK: 0, INTERNAL: 1 }, duration: expect.objectContaining({ count: 1 }), idleMs: 0 },
    ]);
    await clock.advance(61_000);
    expect(statistics.averageLatency()).toBe(0);
  });

  test('keeps 5,000 series; what comes after is counted together', () => {
    const statistics = new CallStatistics(new FakeClock());
    for (let i = 0; i < 5_000; i++) statistics.series('inbound', 'client', `m${i}`);
    const other = statistics.series('inbound', 'client', 'late');
    expect(other).toMatchObject({ peer: '_OTHER', method: '_OTHER' });
    expect(statistics.series('inbound', 'another', 'later')).toBe(other);
    expect(statistics.series('inbound', 'client', 'm7').method).toBe('m7');
    expect(statistics.series('outbound', 'x', 'y')).toMatchObject({ direction: 'outbound', method: '_OTHER' });
    expect(statistics.snapshot().length).toBeLessThanOrEqual(5_002);
  });

  test('says for how long a series is idle; one with a call under way is not', async () => {
    const clock = new FakeClock();
    const statistics = new CallStatistics(clock);
    const series = statistics.series('inbound', 'client', 'm');
    const idleMs = (): number | undefined => statistics.snapshot()[0]?.idleMs;
    statistics.started(series);
    await clock.advance(10_000);
    expect(idleMs()).toBe(0);
    statistics.ended(series, 10_000, undefined, clock.monotonic());
    await clock.advance(5_000);
    expect(idleMs()).toBe(5_000);
    statistics.started(series);
    expect(idleMs()).toBe(0);
  });

  test('keeps the last traced call of each bucket, with its time', async () => {
    const clock = new FakeClock();
    const statistics = new CallStatistics(clock);
    const series = statistics.series('inbound', 'client', 'm');
    const trace = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16) });
    statistics.ended(series, 3, undefined, clock.monotonic());
    expect(statistics.snapshot()[0]?.duration.exemplars).toBeUndefined();
    statistics.ended(series, 3, undefined, clock.monotonic(), trace('a'));
    await clock.advance(1_000);
    statistics.ended(series, 4, undefined, clock.monotonic(), trace('b'));
    statistics.ended(series, 60_000, 'DEADLINE_EXCEEDED', clock.monotonic(), trace('c'));
    statistics.ended(series, 4, undefined, clock.monotonic());
    const endedAt = clock.now();
    await clock.advance(7_000);
    expect(statistics.snapshot()[0]?.duration.exemplars).toEqual([
      { bucket: 5, trace: trace('b'), value: 0.004, timestamp: endedAt },
      { bucket: 16, trace: trace('c'), value: 60, timestamp: endedAt },
    ]);
  });
});
