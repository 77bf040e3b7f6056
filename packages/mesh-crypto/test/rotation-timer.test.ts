import { describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type Logger } from '@lemur-bookstores/mesh-interface';
import { RotationTimer } from '../src/rotation-timer.js';

const HOUR = 3_600_000;

function setUp({ intervalMs = HOUR, random = () => 0 }: { readonly intervalMs?: number; readonly random?: () => number } = {}) {
  const clock = new FakeClock();
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) };
  const state = { madeAt: clock.monotonic(), rotations: [] as number[], failing: false };
  const timer = new RotationTimer({
    intervalMs,
    clock,
    logger,
    random,
    ageMs: () => clock.monotonic() - state.madeAt,
    rotate: () => {
      state.rotations.push(clock.monotonic());
      if (state.failing) return Promise.reject(new Error('no disk'));
      state.madeAt = clock.monotonic();
      return Promise.resolve();
    },
  });
  return { clock, warnings, state, timer };
}

describe('the moment of a rotation', () => {
  test.each([[0, 0.85], [0.5, 0.925], [1, 1]])('with %d of chance it is at %d of the interval', async (chance, share) => {
    const { clock, state, timer } = setUp({ random: () => chance });
    timer.start();
    timer.start();
    await clock.advance(3 * HOUR * share);
    expect(state.rotations.map((at) => Math.round(at))).toEqual([1, 2, 3].map((count) => Math.round(count * HOUR * share)));
  });

  test('30 days work, and whatever the wall clock does is nothing to it', async () => {
    const { clock, state, timer } = setUp({ intervalMs: 30 * 24 * HOUR, random: () => 1 });
    timer.start();
    clock.jump(365 * 24 * HOUR);
    await clock.advance(30 * 24 * HOUR - 1);
    expect(state.rotations).toEqual([]);
    clock.jump(-365 * 24 * HOUR);
    await clock.advance(1);
    expect(state.rotations).toHaveLength(1);
  });

  test('counts from the key, whoever made it', async () => {
    const { clock, state, timer } = setUp();
    await clock.advance(0.25 * HOUR);
    timer.start();
    await clock.advance(0.25 * HOUR);
    state.madeAt = clock.monotonic();
    await clock.advance(0.84 * HOUR);
    expect(state.rotations).toEqual([]);
    await clock.advance(0.02 * HOUR);
    expect(state.rotations).toHaveLength(1);
  });
});

test('a failure is a warning, and tried again: sooner at first, then every minute; and as ever once it succeeds', async () => {
  const { clock, state, timer, warnings } = setUp({ random: () => 1 });
  state.failing = true;
  timer.start();
  await clock.advance(HOUR + 300_000);
  expect(state.rotations.map((at) => (at - HOUR) / 1_000)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
  expect(warnings).toHaveLength(10);
  expect(warnings[0]).toMatch(/not rotated, next attempt in 1000 ms: .*no disk/);
  state.failing = false;
  await clock.advance(60_000);
  const succeededAt = state.rotations.at(-1) ?? 0;
  await clock.advance(HOUR);
  expect(state.rotations.slice(10)).toEqual([succeededAt, succeededAt + HOUR]);
});

test('an attempt that comes as often as every ms stays within the interval', async () => {
  const { clock, state, timer } = setUp({ intervalMs: 10, random: () => 1 });
  state.failing = true;
  timer.start();
  await clock.advance(100);
  expect(state.rotations).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  timer.stop();
});

test('stop: nothing is armed, also by a rotation that was under way; it can start again', async () => {
  const { clock, state, timer } = setUp();
  timer.start();
  expect(clock.pendingTimers).toBe(1);
  timer.stop();
  timer.stop();
  expect(clock.pendingTimers).toBe(0);

  let letGo = (): void => undefined;
  const slow = new RotationTimer({ intervalMs: HOUR, clock, logger: silentLogger, ageMs: () => undefined, rotate: () => new Promise<void>((resolve) => (letGo = resolve)) });
  slow.start();
  await clock.advance(HOUR);
  slow.stop();
  letGo();
  await clock.advance(10 * HOUR);
  expect(clock.pendingTimers).toBe(0);
  expect(state.rotations).toEqual([]);
  const startedAt = clock.monotonic();
  timer.start();
  await clock.advance(HOUR);
  // At once: the key is old by then.
  expect(state.rotations).toEqual([startedAt + 1, startedAt + 1 + 0.85 * HOUR]);
  timer.stop();
});
