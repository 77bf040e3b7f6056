import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../src/fake-clock.js';

describe('FakeClock', () => {
  test('stands still until it is moved, and moves both times alike', async () => {
    const clock = new FakeClock(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    await clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250]);
  });

  test('fires timers in the order of their due times, each at its own', async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    for (const [name, delayMs] of [['c', 30], ['a', 10], ['b', 20], ['a2', 10]] as const) {
      clock.setTimeout(() => fired.push(`${name}@${clock.monotonic()}`), delayMs);
    }
    await clock.advance(30);
    expect(fired).toEqual(['a@10', 'a2@10', 'b@20', 'c@30']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('does not fire what is due later, nor what was cancelled', async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.setTimeout(() => fired.push('later'), 11);
    const timer = clock.setTimeout(() => fired.push('cancelled'), 5);
    timer.cancel();
    timer.cancel();
    await clock.advance(10);
    expect(fired).toEqual([]);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1);
    expect(fired).toEqual(['later']);
  });

  test('a timer may cancel another that is due at the same time', async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.setTimeout(() => second.cancel(), 10);
    const second = clock.setTimeout(() => fired.push('second'), 10);
    await clock.advance(10);
    expect(fired).toEqual([]);
  });

  test('what a callback starts fires within the same advance, at its own time', async () => {
    const clock = new FakeClock();
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.monotonic());
      clock.setTimeout(again, 10);
    };
    clock.setTimeout(again, 10);
    await clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
  });

  test('promise reactions run between two timers', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    const first = new Promise<void>((resolve) => clock.setTimeout(resolve, 10)).then(() => seen.push(`reaction@${clock.monotonic()}`));
    clock.setTimeout(() => seen.push('second'), 20);
    await clock.advance(20);
    await first;
    expect(seen).toEqual(['reaction@10', 'second']);
  });

  test('a delay of zero or less fires at the next move, even one by nothing', async () => {
    const clock = new FakeClock();
    let fired = 0;
    clock.setTimeout(() => fired++, 0);
    clock.setTimeout(() => fired++, -5);
    expect(fired).toBe(0);
    await clock.advance(0);
    expect(fired).toBe(2);
    expect(clock.monotonic()).toBe(0);
  });

  test('jump() moves the wall clock alone: no timer falls due', async () => {
    const clock = new FakeClock(0);
    let fired = false;
    clock.setTimeout(() => (fired = true), 1_000);
    clock.jump(3_600_000);
    await clock.advance(999);
    expect([clock.now(), clock.monotonic(), fired]).toEqual([3_600_999, 999, false]);
    clock.jump(-7_200_000);
    await clock.advance(1);
    expect(fired).toBe(true);
  });
});
