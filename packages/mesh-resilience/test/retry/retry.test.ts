import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { Retry } from '../../src/retry/retry.js';
import { failureOf, inbound, outbound } from '../support/calls.js';

const notSent = new MeshError('connection_lost', 'gone', { mayHaveRun: false });
const maybe = new MeshError('connection_lost', 'gone', { mayHaveRun: true });

/** Fails with each of these in turn, then answers. */
class Service {
  readonly at: number[] = [];
  readonly #clock: FakeClock;
  readonly #errors: unknown[];

  constructor(clock: FakeClock, ...errors: unknown[]) {
    this.#clock = clock;
    this.#errors = errors;
  }

  readonly next = (): Promise<string> => {
    this.at.push(this.#clock.monotonic());
    const error = this.#errors.shift();
    return error === undefined ? Promise.resolve('answer') : Promise.reject(error);
  };
}

function rig(...errors: unknown[]): { clock: FakeClock; retry: Retry; service: Service } {
  const clock = new FakeClock();
  return { clock, retry: new Retry({ clock, random: () => 0.5 }), service: new Service(clock, ...errors) };
}

describe('the interceptor', () => {
  test('tries again after its waits, until there is an answer', async () => {
    const { clock, retry, service } = rig(notSent, notSent);
    const outcome = retry.interceptor(outbound(), service.next);
    await clock.advance(1_500);
    expect(await outcome).toBe('answer');
    expect(service.at).toEqual([0, 500, 1_500]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends with the last error when the attempts are used up', async () => {
    const last = new MeshError('connect_failed', 'nobody there', { mayHaveRun: false });
    const { clock, retry, service } = rig(notSent, notSent, last);
    const outcome = failureOf(retry.interceptor(outbound(), service.next));
    await clock.advance(1_500);
    expect(await outcome).toBe(last);
    expect(service.at).toHaveLength(3);
    expect(retry.counts).toMatchObject({ retried: 2, attempts: 1 });
  });

  test('leaves alone what may have run, is no MeshError, comes in, or wants none', async () => {
    const thrown = new Error('whatever');
    for (const [call, error] of [[outbound(), maybe], [outbound(), thrown], [inbound(), notSent], [outbound({ retry: false }), notSent]] as const) {
      const { retry, service } = rig(error);
      expect(await failureOf(retry.interceptor(call, service.next))).toBe(error);
      expect(service.at).toHaveLength(1);
    }
  });

  test('tries again what may have run where the call is idempotent', async () => {
    const { clock, retry, service } = rig(maybe);
    const outcome = retry.interceptor(outbound({ idempotent: true }), service.next);
    await clock.advance(500);
    expect(await outcome).toBe('answer');
  });

  test('says that it may have run where an earlier attempt may have, though the last one has not', async () => {
    const open = new MeshError('circuit_open', 'none is made', { mayHaveRun: false, retryAfterMs: 90_000, details: { a: 1 } });
    const { clock, retry, service } = rig(maybe, open);
    const outcome = failureOf(retry.interceptor(outbound({ idempotent: true, deadline: 30_000 }), service.next));
    await clock.advance(500);
    expect(await outcome).toMatchObject({ ...open.toJSON(), mayHaveRun: true, message: open.message, cause: open, retryable: true });
  });

  test('keeps the deadline: no wait ends at it or later', async () => {
    const { retry, service } = rig(notSent);
    expect(await failureOf(retry.interceptor(outbound({ deadline: 500 }), service.next))).toBe(notSent);
    expect(service.at).toEqual([0]);
  });

  test('waits exactly as long as it is told', async () => {
    const { clock, retry, service } = rig(new MeshError('rate_limited', 'too often', { mayHaveRun: false, retryAfterMs: 1_234 }));
    const outcome = retry.interceptor(outbound(), service.next);
    await clock.advance(1_234);
    expect(await outcome).toBe('answer');
    expect(service.at).toEqual([0, 1_234]);
  });

  test('with no wait goes on at once, without a timer', async () => {
    const { retry, service } = rig(new MeshError('rate_limited', 'too often', { mayHaveRun: false, retryAfterMs: 0 }));
    expect(await retry.interceptor(outbound(), service.next)).toBe('answer');
    expect(service.at).toEqual([0, 0]);
  });

  test.each([
    ['cancelled', new Error('the user left')],
    ['deadline_exceeded', new MeshError('deadline_exceeded', 'no answer', { mayHaveRun: true })],
  ])('stops waiting when the call ends: %s', async (reason, cause) => {
    const { clock, retry, service } = rig(notSent, notSent);
    const abort = new AbortController();
    const outcome = failureOf(retry.interceptor(outbound({ signal: abort.signal }), service.next));
    await clock.advance(499);
    abort.abort(cause);
    expect(await outcome).toMatchObject({ reason, mayHaveRun: false, cause });
    expect([clock.pendingTimers, service.at]).toEqual([0, [0]]);
  });

  test('leaves no listener on the signal of the call', async () => {
    const { clock, retry, service } = rig(notSent, notSent);
    const { signal } = new AbortController();
    const listeners: string[] = [];
    signal.addEventListener = () => void listeners.push('added');
    signal.removeEventListener = () => void listeners.push('removed');
    const outcome = retry.interceptor(outbound({ signal }), service.next);
    await clock.advance(1_500);
    expect(await outcome).toBe('answer');
    expect(listeners).toEqual(['added', 'removed', 'added', 'removed']);
  });

  test('makes no further attempt of a call that has ended meanwhile', async () => {
    const { retry, service } = rig(notSent);
    expect(await failureOf(retry.interceptor(outbound({ signal: AbortSignal.abort() }), service.next))).toBe(notSent);
  });

  test('takes what is thrown at once for a failed attempt', async () => {
    const { clock, retry } = rig();
    let attempts = 0;
    const outcome = retry.interceptor(outbound(), () => {
      if (++attempts === 1) throw notSent;
      return Promise.resolve('answer');
    });
    await clock.advance(500);
    expect(await outcome).toBe('answer');
  });
});
