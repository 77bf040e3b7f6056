import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type InterceptedCall } from '@lemur-bookstores/mesh-interface';
import { completeConcurrencyLimit, concurrencyProblems } from '../../src/concurrency/concurrency-limit-options.js';
import { ConcurrencyLimit } from '../../src/concurrency/concurrency-limit.js';
import { Answer, failureOf, inbound, outbound } from '../support/calls.js';

/** A handler whose calls end when a test says so. */
class Handler {
  readonly running = new Map<string, Answer>();
  readonly order: string[] = [];

  readonly next = (call: InterceptedCall): Promise<unknown> => {
    const answer = new Answer();
    this.order.push(String(call.input));
    this.running.set(String(call.input), answer);
    return answer.promise;
  };

  async end(name: string, error?: unknown): Promise<void> {
    const answer = this.running.get(name)!;
    if (error === undefined) answer.resolve(name);
    else answer.reject(error);
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function rig(limit: number, queue: number): { clock: FakeClock; limit: ConcurrencyLimit; handler: Handler; call: (input: string, more?: Partial<InterceptedCall>) => Promise<unknown> } {
  const clock = new FakeClock();
  const concurrency = new ConcurrencyLimit({ limit, queue, clock });
  const handler = new Handler();
  const call = (input: string, more: Partial<InterceptedCall> = {}): Promise<unknown> => {
    const outcome = concurrency.interceptor(inbound({ input, ...more }), handler.next);
    outcome.catch(() => undefined);
    return outcome;
  };
  return { clock, limit: concurrency, handler, call };
}

describe('the interceptor', () => {
  test('lets so many run, so many wait, and refuses the rest at once', async () => {
    const { limit, handler, call } = rig(2, 1);
    const calls = ['a', 'b', 'c'].map((input) => call(input));
    expect(await failureOf(call('d'))).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'overloaded', mayHaveRun: false, retryable: true, text: '2 calls are running and 1 are waiting' });
    expect([handler.order, limit.running, limit.waiting]).toEqual([['a', 'b'], 2, 1]);
    await handler.end('b');
    expect([handler.order, limit.running, limit.waiting]).toEqual([['a', 'b', 'c'], 2, 0]);
    await handler.end('a');
    await handler.end('c');
    expect(await Promise.all(calls)).toEqual(['a', 'b', 'c']);
    expect([limit.running, limit.waiting]).toEqual([0, 0]);
  });

  test('is fair: first come, first served, and nobody overtakes who waits', async () => {
    const { handler, call } = rig(1, 100);
    void call('0');
    for (let i = 1; i <= 50; i++) void call(String(i));
    for (let i = 0; i < 50; i++) {
      // Comes at the very moment in which a place is given up.
      handler.running.get(String(i))!.resolve('');
      void call(`late ${i}`);
      await turn();
    }
    expect(handler.order).toEqual(Array.from({ length: 51 }, (_each, i) => String(i)));
  });

  test('gives a place up whatever becomes of the call', async () => {
    const { limit, handler, call } = rig(1, 1);
    const error = new Error('inside');
    const failing = call('a');
    const next = call('b');
    await handler.end('a', error);
    expect(await failureOf(failing)).toBe(error);
    await handler.end('b');
    expect(await next).toBe('b');
    const throwing = (): Promise<unknown> => {
      throw error;
    };
    expect(() => limit.interceptor(inbound(), throwing)).toThrow(error);
    expect(limit.running).toBe(0);
  });

  test('whoever waits leaves at its deadline, and its place in the line is free', async () => {
    const { clock, limit, handler, call } = rig(1, 2);
    void call('a');
    const [short, long] = [call('short', { deadline: 100 }), call('long', { deadline: 1_000 })];
    await clock.advance(100);
    expect(await failureOf(short)).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false, text: "'charge' waited for its turn until its time was up" });
    expect(limit.waiting).toBe(1);
    await handler.end('a');
    await handler.end('long');
    expect(await long).toBe('long');
    expect([handler.order, clock.pendingTimers]).toEqual([['a', 'long'], 0]);
  });

  test.each([
    ['cancelled', new Error('the user left')],
    ['deadline_exceeded', new MeshError('deadline_exceeded', 'no answer')],
  ])('whoever waits leaves when its signal is aborted: %s', async (reason, cause) => {
    const { clock, limit, handler, call } = rig(1, 2);
    void call('a');
    const abort = new AbortController();
    const left = call('left', { signal: abort.signal, deadline: 1_000 });
    abort.abort(cause);
    expect(await failureOf(left)).toMatchObject({ reason, mayHaveRun: false });
    expect([limit.waiting, clock.pendingTimers]).toEqual([0, 0]);
    await handler.end('a');
    expect([handler.order, limit.running]).toEqual([['a'], 0]);
  });

  test('whose time is up, or who has left, does not even begin to wait', async () => {
    const { clock, limit, call } = rig(1, 2);
    void call('a');
    await clock.advance(10);
    expect(await failureOf(call('late', { deadline: 10 }))).toMatchObject({ reason: 'deadline_exceeded' });
    expect(await failureOf(call('gone', { signal: AbortSignal.abort() }))).toMatchObject({ reason: 'cancelled' });
    expect([limit.waiting, clock.pendingTimers]).toEqual([0, 0]);
  });

  test('a handler keeps its place until it ends, also where its caller has gone', async () => {
    const { limit, handler, call } = rig(1, 0);
    const abort = new AbortController();
    void call('a', { signal: abort.signal });
    abort.abort();
    expect(await failureOf(call('b'))).toMatchObject({ reason: 'overloaded' });
    await handler.end('a');
    expect(limit.running).toBe(0);
  });

  test('whatever comes, nothing is kept beyond limit and queue', async () => {
    const { clock, limit, call } = rig(10, 20);
    const outcomes = Array.from({ length: 10_000 }, (_each, i) => failureOf(call(String(i), { deadline: 1_000 })));
    expect([limit.running, limit.waiting, clock.pendingTimers]).toEqual([10, 20, 20]);
    expect(await Promise.race(outcomes)).toMatchObject({ reason: 'overloaded' });
  });

  test('is for calls of its direction', async () => {
    const clock = new FakeClock();
    const [ofIn, ofOut] = [new ConcurrencyLimit({ limit: 1, queue: 0, clock }), new ConcurrencyLimit({ limit: 1, queue: 0, clock, direction: 'outbound' })];
    const never = (): Promise<unknown> => new Promise(() => {});
    void ofIn.interceptor(inbound(), never);
    void ofOut.interceptor(outbound(), never);
    for (const [limit, other, own] of [[ofIn, outbound(), inbound()], [ofOut, inbound(), outbound()]] as const) {
      expect(await limit.interceptor(other, () => Promise.resolve('passed'))).toBe('passed');
      expect(await failureOf(limit.interceptor(own, never))).toMatchObject({ reason: 'overloaded' });
    }
  });
});

describe('options', () => {
  test('the defaults are those that are documented', () => {
    expect(completeConcurrencyLimit()).toMatchObject({ limit: 1_000, queue: 1_000, direction: 'inbound' });
    expect(completeConcurrencyLimit({ queue: 0 })).toMatchObject({ queue: 0 });
  });

  test('everything wrong is said at once, by path', () => {
    const wrong = { limit: 0, queue: -1, direction: 'up', clock: 5, size: 1 };
    const problems = concurrencyProblems(wrong, 'resilience.concurrency');
    expect(problems.map((problem) => problem.split(': ')[0]).sort()).toEqual(Object.keys(wrong).map((name) => `resilience.concurrency.${name}`).sort());
    expect(concurrencyProblems({ limit: NaN, queue: 1.5 }, 'c')).toHaveLength(2);
    expect(() => new ConcurrencyLimit(wrong as never)).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
  });
});
