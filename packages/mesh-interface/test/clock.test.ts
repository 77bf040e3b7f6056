import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { systemClock } from '../src/clock.js';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

afterEach(() => {
  jest.useRealTimers();
});

describe('setTimeout', () => {
  test('fires once, after the delay', () => {
    jest.useFakeTimers();
    const callback = jest.fn();
    systemClock.setTimeout(callback, 1_000);
    jest.advanceTimersByTime(999);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(10_000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test('regression: what it runs is no part of the call that started it, nor is what that starts', async () => {
    const calls = new AsyncLocalStorage<string>();
    const seen = await calls.run('a call', () => new Promise((resolve) => systemClock.setTimeout(() => {
      const first = calls.getStore();
      systemClock.setTimeout(() => resolve([first, calls.getStore()]), 1);
    }, 1)));
    expect(seen).toEqual([undefined, undefined]);
    // Who waited for it is where it was.
    expect(await calls.run('a call', async () => (await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 1)), calls.getStore()))).toBe('a call');
  });

  test("a delay beyond setTimeout's own limit is chained and does not fire after 1 ms", () => {
    jest.useFakeTimers();
    const callback = jest.fn();
    systemClock.setTimeout(callback, 2 * LONGEST_TIMER_MS + 500);
    jest.advanceTimersByTime(LONGEST_TIMER_MS);
    jest.advanceTimersByTime(LONGEST_TIMER_MS);
    jest.advanceTimersByTime(499);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test('a chained timer is cancelled in any of its links', () => {
    jest.useFakeTimers();
    const callback = jest.fn();
    const timer = systemClock.setTimeout(callback, 2 * LONGEST_TIMER_MS);
    jest.advanceTimersByTime(LONGEST_TIMER_MS + 1);
    timer.cancel();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(2 * LONGEST_TIMER_MS);
    expect(callback).not.toHaveBeenCalled();
  });

  test('cancelling twice, and after it fired, does nothing', () => {
    jest.useFakeTimers();
    const callback = jest.fn();
    const timer = systemClock.setTimeout(callback, 5);
    jest.advanceTimersByTime(5);
    timer.cancel();
    timer.cancel();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test('cancelled timers leave nothing behind, and keep no process alive, whether they fired or not', () => {
    const module = JSON.stringify(new URL('../dist/clock.js', import.meta.url).href);
    const program = `import { systemClock } from ${module};
      const round = (base) => {
        for (let i = 0; i < 20_000; i += 1) systemClock.setTimeout(() => {}, base + i).cancel();
        globalThis.gc();
        return process.memoryUsage().heapUsed;
      };
      const before = round(10_000_000);
      const grown = round(20_000_000) - before;
      const fired = systemClock.setTimeout(() => fired.cancel(), 1);
      const late = systemClock.setTimeout(() => {}, 1);
      setTimeout(() => (late.cancel(), console.log(grown < 500_000 ? 'nothing' : grown)), 20);`;
    const output = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], { timeout: 20_000, encoding: 'utf8' });
    expect(output).toBe('nothing\n');
  });

  test('keeps no process alive, chained or not', () => {
    const module = JSON.stringify(new URL('../dist/clock.js', import.meta.url).href);
    const program = `import { systemClock } from ${module};
      for (const delayMs of [3_600_000, 2 ** 40]) systemClock.setTimeout(() => {}, delayMs);
      console.log('armed');`;
    // The timeout kills a process that does not end, which throws.
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000, encoding: 'utf8' });
    expect(output).toBe('armed\n');
  });
});

describe('times', () => {
  test('now() is wall-clock time, monotonic() ignores its jumps', () => {
    const before = systemClock.monotonic();
    jest.useFakeTimers({ now: Date.UTC(2020, 0, 1), doNotFake: ['performance'] });
    expect(systemClock.now()).toBe(Date.UTC(2020, 0, 1));
    const after = systemClock.monotonic();
    expect(after).toBeGreaterThanOrEqual(before);
    expect(after - before).toBeLessThan(60_000);
  });
});
