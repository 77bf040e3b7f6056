import { describe, expect, test } from '@jest/globals';
import type { InterceptedCall, Interceptor } from '@lemur-bookstores/mesh-interface';
import { runThrough } from '../../src/call/interceptor-chain.js';

const call: InterceptedCall = { direction: 'outbound', service: 's', method: 'm', input: 1, metadata: {}, deadline: 0, signal: new AbortController().signal };

describe('interceptor chain', () => {
  test('the first one is the outermost; each sees and may change call and outcome', async () => {
    const log: string[] = [];
    const wrap = (name: string): Interceptor => async (current, next) => {
      log.push(`${name} in ${String(current.input)}`);
      const result = await next({ ...current, input: `${String(current.input)}${name}` });
      log.push(`${name} out`);
      return `${String(result)}${name}`;
    };
    const result = await runThrough([wrap('a'), wrap('b')], call, (last) => Promise.resolve(`<${String(last.input)}>`));
    expect([result, log]).toEqual(['<1ab>ba', ['a in 1', 'b in 1a', 'b out', 'a out']]);
  });

  test('one may answer itself, or run the rest again', async () => {
    let runs = 0;
    const terminal = async (): Promise<number> => ++runs;
    expect(await runThrough([async () => 'cached'], call, terminal)).toBe('cached');
    expect(runs).toBe(0);
    expect(await runThrough([async (current, next) => (await next(current), next(current))], call, terminal)).toBe(2);
  });

  test('regression: what throws at once rejects: `next()` always gives a promise', async () => {
    const thrower = (): never => {
      throw new Error('at once');
    };
    const caught: Interceptor = (current, next) => next(current).catch((error: Error) => error.message);
    expect(await runThrough([caught], call, thrower)).toBe('at once');
    expect(await runThrough([caught, thrower], call, async () => 1)).toBe('at once');
  });

  test('none at all is the call itself', async () => {
    expect(await runThrough([], call, (last) => Promise.resolve(last.input))).toBe(1);
  });

  test('regression: one that is added while a call is under way is not part of it', async () => {
    const interceptors: Interceptor[] = [];
    let late = 0;
    interceptors.push(async (current, next) => {
      interceptors.push(async (inner, deeper) => (late++, deeper(inner)));
      return next(current);
    });
    await runThrough(interceptors, call, () => Promise.resolve(1));
    expect(late).toBe(0);
    await runThrough(interceptors, call, () => Promise.resolve(1));
    expect(late).toBe(1);
  });
});
