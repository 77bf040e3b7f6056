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
      { direction: 'outbound', peer: 'server', method: 'm', started: 3, ended: { OK: 1, UNAVAILABLE: 1 }, duration: expect.objectContaining({ count: 2 }) },
      { direction: 'inbound', peer: 'client', method: 'm', started: 1, ended: { OK: 0, INTERNAL: 1 }, duration: expect.objectContaining({ count: 1 }) },
    ]);
    await clock.advance(61_000);
    expect(statistics.averageLatency()).toBe(0);
  });

  test('keeps 2,000 series; what comes after is counted together', () => {
    const statistics = new CallStatistics(new FakeClock());
    for (let i = 0; i < 2_000; i++) statistics.series('inbound', 'client', `m${i}`);
    const other = statistics.series('inbound', 'client', 'late');
    expect(other).toMatchObject({ peer: '_OTHER', method: '_OTHER' });
    expect(statistics.series('inbound', 'another', 'later')).toBe(other);
    expect(statistics.series('inbound', 'client', 'm7').method).toBe('m7');
    expect(statistics.series('outbound', 'x', 'y')).toMatchObject({ direction: 'outbound', method: '_OTHER' });
    expect(statistics.snapshot().length).toBeLessThanOrEqual(2_002);
  });
});
