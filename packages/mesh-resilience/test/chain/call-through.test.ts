import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type InterceptedCall } from '@lemur-bookstores/mesh-interface';
import { callThrough } from '../../src/chain/call-through.js';
import { compose } from '../../src/chain/compose.js';
import { Retry } from '../../src/retry/retry.js';
import { failureOf, peerOf } from '../support/calls.js';

const none = compose([]);
const request = (clock: FakeClock) => ({ service: 'payments', method: 'charge', clock });

describe('a call without a mesh', () => {
  test('gives what is sent, and tells all about the call', async () => {
    const clock = new FakeClock();
    await clock.advance(5);
    let seen: InterceptedCall | undefined;
    const trace = { traceId: 'a', spanId: 'b' };
    const outcome = callThrough(none, { ...request(clock), input: 7, timeoutMs: 100, idempotent: true, retry: false, trace, peer: peerOf('orders'), direction: 'inbound' }, async (call) => ((seen = call), 'answer'));
    expect(await outcome).toBe('answer');
    const { signal, ...rest } = seen!;
    expect(rest).toEqual({ direction: 'inbound', service: 'payments', method: 'charge', input: 7, metadata: {}, deadline: 105, idempotent: true, retry: false, trace, peer: peerOf('orders') });
    expect([signal.aborted, clock.pendingTimers]).toEqual([false, 0]);
  });

  test('gives errors as they were thrown, also what throws at once', async () => {
    const clock = new FakeClock();
    const error = new Error('inside');
    expect(await failureOf(callThrough(none, request(clock), () => Promise.reject(error)))).toBe(error);
    expect(
      await failureOf(
        callThrough(none, request(clock), () => {
          throw error;
        }),
      ),
    ).toBe(error);
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends at its deadline, 30 s unless it says otherwise, and what is sent is told', async () => {
    const clock = new FakeClock();
    let signal: AbortSignal | undefined;
    const outcome = failureOf(callThrough(none, request(clock), (call) => ((signal = call.signal), new Promise(() => {}))));
    await clock.advance(29_999);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(await outcome).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: true, text: "no answer to 'charge' of payments within 30000 ms" });
    expect(signal?.reason).toBe(await outcome);
  });

  test('ends when its caller gives up; where nothing was sent it has not run', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    let sent = 0;
    const held = failureOf(callThrough(() => new Promise(() => {}), { ...request(clock), signal: abort.signal }, async () => sent++));
    await clock.advance(0);
    abort.abort('left');
    expect(await held).toMatchObject({ reason: 'cancelled', mayHaveRun: false, cause: 'left' });
    expect(await failureOf(callThrough(none, { ...request(clock), signal: abort.signal }, async () => sent++))).toMatchObject({ reason: 'cancelled', mayHaveRun: false });
    expect([sent, clock.pendingTimers]).toEqual([0, 0]);
  });

  test('is tried again by a retry around it', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const { interceptor } = new Retry({ clock, random: () => 0.5 });
    const outcome = callThrough(interceptor, request(clock), async () => {
      if (++attempts < 3) throw new MeshError('connect_failed', 'nobody there', { mayHaveRun: false });
      return 'answer';
    });
    await clock.advance(1_500);
    expect(await outcome).toBe('answer');
  });

  test.each([0, -1, NaN, Infinity])('a timeout of %d ms is refused', (timeoutMs) => {
    expect(() => callThrough(none, { ...request(new FakeClock()), timeoutMs }, () => Promise.resolve())).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
  });
});
