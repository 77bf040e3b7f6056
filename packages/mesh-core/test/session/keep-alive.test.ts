import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { KeepAlive } from '../../src/session/keep-alive.js';

function rig(): { clock: FakeClock; keepAlive: KeepAlive; log: { pings: number[]; deadAt: number | undefined; lastReceivedAt: number } } {
  const clock = new FakeClock();
  const log: { pings: number[]; deadAt: number | undefined; lastReceivedAt: number } = { pings: [], deadAt: undefined, lastReceivedAt: 0 };
  const subject = { lastReceivedAt: () => log.lastReceivedAt, sendPing: () => void log.pings.push(clock.monotonic()), onDead: () => void (log.deadAt = clock.monotonic()) };
  return { clock, log, keepAlive: new KeepAlive(clock, subject, 15_000, 10_000) };
}

describe('keep-alive', () => {
  test('a silent connection is pinged at 15 s and dead at 25 s', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    await clock.advance(14_999);
    expect(log.pings).toEqual([]);
    await clock.advance(10_000);
    expect(log.pings).toEqual([15_000]);
    expect(log.deadAt).toBeUndefined();
    await clock.advance(1);
    expect(log.deadAt).toBe(25_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('an answer keeps it alive, and the next ping comes 15 s after it', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    await clock.advance(15_000);
    await clock.advance(500);
    log.lastReceivedAt = clock.monotonic();
    await clock.advance(15_000);
    expect(log.pings).toEqual([15_000, 30_500]);
    expect(log.deadAt).toBeUndefined();
  });

  test('traffic costs no ping', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      log.lastReceivedAt = clock.monotonic();
    }
    expect(log.pings).toEqual([]);
    expect(clock.pendingTimers).toBe(1);
  });

  test('verify() asks at once, once', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    await clock.advance(5_000);
    keepAlive.verify();
    keepAlive.verify();
    expect(log.pings).toEqual([5_000]);
    await clock.advance(10_000);
    expect(log.deadAt).toBe(15_000);
  });

  test('after an answer to verify() it goes on as before', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    await clock.advance(5_000);
    keepAlive.verify();
    await clock.advance(1_000);
    log.lastReceivedAt = clock.monotonic();
    await clock.advance(60_000);
    expect(log.pings).toEqual([5_000, 21_000]);
    expect(log.deadAt).toBe(31_000);
  });

  test('verify() asks again once the last ping is answered, also before its timer comes', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    await clock.advance(5_000);
    keepAlive.verify();
    await clock.advance(10);
    log.lastReceivedAt = clock.monotonic();
    await clock.advance(10);
    keepAlive.verify();
    expect(log.pings).toEqual([5_000, 5_020]);
    await clock.advance(9_999);
    expect(log.deadAt).toBeUndefined();
    await clock.advance(1);
    expect(log.deadAt).toBe(15_020);
  });

  test('stop() ends it', async () => {
    const { clock, keepAlive, log } = rig();
    keepAlive.start();
    keepAlive.stop();
    await clock.advance(60_000);
    expect([log.pings, log.deadAt, clock.pendingTimers]).toEqual([[], undefined, 0]);
  });
});
