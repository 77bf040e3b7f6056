import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { RateLimiter } from '../../src/rate/rate-limiter.js';
import { inbound, outbound, peerOf } from '../support/calls.js';
import { RecordingAudit } from '../support/recording-audit.js';

function rig(): { clock: FakeClock; audit: RecordingAudit; limiter: RateLimiter; calls: (count: number, method?: string, peer?: string) => Promise<void>; counts: () => [string, number][] } {
  const clock = new FakeClock();
  const audit = new RecordingAudit();
  const limiter = new RateLimiter({ maxRequests: 1, windowMs: 1_000_000, methods: { refund: { maxRequests: 1, windowMs: 2_000_000 } }, audit, clock });
  const calls = async (count: number, method = 'charge', peer = 'orders'): Promise<void> => {
    for (let i = 0; i < count; i++) await limiter.interceptor(inbound({ method, peer: peerOf(peer) }), () => Promise.resolve()).catch(() => undefined);
  };
  const counts = (): [string, number][] => audit.events.map(({ details, targetServiceId }) => [`${targetServiceId ?? ''} ${String(details.metadata?.['method'])}`, details.messageCount ?? 0]);
  return { clock, audit, limiter, calls, counts };
}

describe('a burst of refusals', () => {
  test('is one event at once, and one with the number of those that followed', async () => {
    const { clock, audit, calls } = rig();
    await calls(1_001);
    const event = (messageCount: number): object => ({
      eventType: 'rate_limit',
      targetServiceId: 'orders',
      details: {
        action: 'rate.limited',
        success: false,
        messageCount,
        error: 'rate_limited: more than 1 calls in 1000000 ms',
        metadata: { direction: 'inbound', peerId: 'spiffe://mesh.example/orders', method: '*', maxRequests: 1, windowMs: 1_000_000 },
      },
    });
    expect(audit.events).toEqual([event(1)]);
    await clock.advance(10_000);
    expect(audit.events).toEqual([event(1), event(999)]);
    // A window without any ends it, and the timer.
    await clock.advance(10_000);
    expect([audit.events.length, clock.pendingTimers]).toEqual([2, 0]);
    await calls(1);
    expect(audit.events.at(-1)).toEqual(event(1));
  });

  test('that goes on is one event a window', async () => {
    const { clock, calls, counts } = rig();
    await calls(1);
    for (let window = 0; window < 3; window++) {
      await calls(100);
      await clock.advance(10_000);
    }
    expect(counts().map(([, count]) => count)).toEqual([1, 99, 100, 100]);
  });

  test('of each peer and limit is told by itself', async () => {
    const { limiter, calls, counts } = rig();
    await calls(3);
    await calls(3, 'refund');
    await calls(3, 'another', 'users');
    limiter.flush();
    expect(counts()).toEqual([['orders *', 1], ['orders refund', 1], ['users *', 1], ['orders *', 1], ['orders refund', 1], ['users *', 1]]);
  });

  test('beyond a thousand at once they are one number, and sums are exact', async () => {
    const { clock, audit, calls } = rig();
    for (let peer = 0; peer < 1_100; peer++) await calls(4, 'charge', `peer-${peer}`);
    await clock.advance(10_000);
    const sum = audit.events.reduce((total, { details }) => total + (details.messageCount ?? 0), 0);
    expect([audit.events.length, sum]).toEqual([1_000 + 1_000 + 1, 1_100 * 3]);
    expect(audit.events.find(({ targetServiceId }) => targetServiceId === undefined)).toMatchObject({ details: { messageCount: 300, metadata: { direction: 'inbound' } } });
  });

  test('is said before the trail closes, and leaves no timer', async () => {
    const { clock, limiter, calls, counts } = rig();
    await calls(5);
    limiter.flush();
    limiter.flush();
    expect([counts().map(([, count]) => count), clock.pendingTimers]).toEqual([[1, 3], 0]);
  });
});

test('what limits the own calls writes nothing: the caller has the error', async () => {
  const audit = new RecordingAudit();
  const limiter = new RateLimiter({ maxRequests: 1, windowMs: 1_000, direction: 'outbound', audit, clock: new FakeClock() });
  for (let i = 0; i < 3; i++) await limiter.interceptor(outbound(), () => Promise.resolve()).catch(() => undefined);
  expect(audit.events).toEqual([]);
});
