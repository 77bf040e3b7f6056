import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type InterceptedCall } from '@lemur-bookstores/mesh-interface';
import { DeadlinePropagation, deadlineProblems } from '../../src/deadline/deadline-propagation.js';
import { Answer, failureOf, inbound, outbound } from '../support/calls.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs a handler, and gives what its nested calls looked like when they were sent. */
function rig(): { clock: FakeClock; propagation: DeadlinePropagation; sent: InterceptedCall[]; handle: (call: InterceptedCall, handler: () => Promise<unknown>) => Promise<unknown>; nested: (changes?: Partial<InterceptedCall>, answer?: Promise<unknown>) => Promise<unknown> } {
  const clock = new FakeClock();
  const propagation = new DeadlinePropagation({ clock });
  const sent: InterceptedCall[] = [];
  return {
    clock,
    propagation,
    sent,
    handle: (call, handler) => propagation.interceptor(call, () => handler()),
    nested: (changes = {}, answer = Promise.resolve('answer')) =>
      propagation.interceptor(outbound({ deadline: 30_000, ...changes }), (call) => {
        sent.push(call);
        return answer;
      }),
  };
}

describe('a nested call', () => {
  test('is never later than the call it is made for, nor later than it wants to be itself', async () => {
    const { handle, nested, sent } = rig();
    const handled = await handle(inbound({ deadline: 5_000 }), async () => {
      await turn();
      await nested();
      await nested({ deadline: 100 });
      return 'handled';
    });
    expect(handled).toBe('handled');
    expect(sent.map(({ deadline }) => deadline)).toEqual([5_000, 100]);
  });

  test('ends with the call it is made for, for its reason; one that has ended does not', async () => {
    const { handle, nested, sent } = rig();
    const abort = new AbortController();
    const reason = new MeshError('cancelled', 'the caller has gone');
    const answer = new Answer();
    void handle(inbound({ signal: abort.signal, deadline: 5_000 }), async () => {
      await nested();
      await nested({}, answer.promise);
    });
    await turn();
    abort.abort(reason);
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    expect(sent[1]?.signal.reason).toBe(reason);
    answer.resolve(1);
    await turn();
  });

  test('still ends by its own signal', async () => {
    const { handle, nested, sent } = rig();
    const own = new AbortController();
    void handle(inbound({ deadline: 5_000 }), () => nested({ signal: own.signal }, new Promise(() => {})));
    await handle(inbound({ deadline: 5_000 }), () => nested({ signal: AbortSignal.abort('before') }));
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    own.abort('mine');
    expect(sent.map(({ signal }) => signal.reason as unknown)).toEqual(['mine', 'before']);
  });

  test('takes over the trace, unless it has one', async () => {
    const { handle, nested, sent } = rig();
    const [trace, other] = [{ traceId: 'a', spanId: 'b' }, { traceId: 'c', spanId: 'd' }];
    await handle(inbound({ trace, deadline: 5_000 }), async () => {
      await nested();
      await nested({ trace: other });
    });
    expect(sent.map((call) => call.trace)).toEqual([trace, other]);
  });

  test('is not made where the call it is made for has ended', async () => {
    const { clock, handle, nested, sent } = rig();
    const late = handle(inbound({ deadline: 5_000 }), async () => {
      await clock.advance(5_000);
      return nested();
    });
    expect(await failureOf(late)).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false });
    const cancelled = new Error('the caller has gone');
    expect(await failureOf(handle(inbound({ deadline: 9_000, signal: AbortSignal.abort(cancelled) }), () => nested()))).toMatchObject({ reason: 'cancelled', mayHaveRun: false, cause: cancelled });
    const out = new MeshError('deadline_exceeded', 'no answer');
    expect(await failureOf(handle(inbound({ deadline: 9_000, signal: AbortSignal.abort(out) }), () => nested()))).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false });
    expect(sent).toEqual([]);
  });

  test('of two calls that are handled at once inherits from its own', async () => {
    const { handle, nested, sent } = rig();
    const one = async (method: string): Promise<void> => {
      await turn();
      await nested({ method });
    };
    await Promise.all([handle(inbound({ deadline: 1_000 }), () => one('a')), handle(inbound({ deadline: 2_000 }), () => one('b'))]);
    expect(sent.map(({ method, deadline }) => [method, deadline])).toEqual([['a', 1_000], ['b', 2_000]]);
  });

  test('gives out results and errors as they are', async () => {
    const { handle, nested } = rig();
    const error = new Error('inside');
    expect(await handle(inbound({ deadline: 1 }), () => nested())).toBe('answer');
    expect(await failureOf(handle(inbound({ deadline: 1 }), () => nested({}, Promise.reject(error))))).toBe(error);
  });

  test('a hundred at once have one listener on the signal of the call around them, and leave none', async () => {
    const { handle, nested } = rig();
    const abort = new AbortController();
    const counts = { added: 0, removed: 0 };
    const { addEventListener, removeEventListener } = abort.signal;
    abort.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => (counts.added++, addEventListener.apply(abort.signal, args));
    abort.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => (counts.removed++, removeEventListener.apply(abort.signal, args));
    const own = new AbortController();
    let ownRemoved = 0;
    own.signal.removeEventListener = () => void ownRemoved++;
    await handle(inbound({ signal: abort.signal, deadline: 5_000 }), () => Promise.all(Array.from({ length: 100 }, (_each, i) => nested(i === 0 ? { signal: own.signal } : {}, turn()))));
    expect([counts, ownRemoved]).toEqual([{ added: 1, removed: 1 }, 1]);
  });
});

describe('what inherits nothing', () => {
  test('a call that no handler makes passes as it is', async () => {
    const { nested, sent } = rig();
    const { signal } = new AbortController();
    await nested({ signal });
    expect([sent[0]?.deadline, sent[0]?.signal]).toEqual([30_000, signal]);
  });

  test('work that is detached may outlive the call', async () => {
    const { handle, nested, sent, propagation } = rig();
    const result = await handle(inbound({ deadline: 1_000 }), async () => propagation.detach(() => nested()));
    expect([result, sent[0]?.deadline]).toEqual(['answer', 30_000]);
  });

  test('work that is not keeps the deadline beyond the answer, and is told so', async () => {
    const { clock, handle, nested } = rig();
    let background: Promise<unknown> | undefined;
    await handle(inbound({ deadline: 1_000 }), async () => {
      background = clock.advance(1_000).then(() => failureOf(nested()));
      return 'answered';
    });
    expect(await background).toMatchObject({ reason: 'deadline_exceeded' });
  });

  test('each half lets calls of the other direction pass', async () => {
    const { propagation } = rig();
    const call = outbound();
    expect(await propagation.inbound(call, (same) => Promise.resolve(same))).toBe(call);
    const other = inbound();
    expect(await propagation.outbound(other, (same) => Promise.resolve(same))).toBe(other);
  });
});

test('options are checked', () => {
  expect(deadlineProblems({ clock: 1, wait: 2 }, 'd')).toEqual(['d.wait: is not an option; known here: clock', 'd.clock: must be an object with now(), monotonic(), setTimeout()']);
  expect(() => new DeadlinePropagation({ clock: 1 as never })).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
});
