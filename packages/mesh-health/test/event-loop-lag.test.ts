import { afterEach, expect, test } from '@jest/globals';
import { EventLoopLag } from '../src/event-loop-lag.js';

const lag = new EventLoopLag();
afterEach(() => lag.stop());

/** Keeps the event loop busy. */
function block(ms: number): void {
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What it says once it has seen something. */
async function seen(): Promise<NonNullable<ReturnType<EventLoopLag['take']>>> {
  for (;;) {
    const delay = lag.take();
    if (delay !== undefined) return delay;
    await turn();
  }
}

test('a loop that was busy was late, by that much', async () => {
  expect(lag.take()).toBeUndefined();
  lag.start();
  lag.start();
  const first = await seen();
  for (const ms of Object.values(first)) expect(ms).toBeGreaterThanOrEqual(0);
  // Each take() begins anew with the look after next: not every stall is seen whole.
  let worst = first;
  for (let i = 0; i < 50 && worst.maxMs < 60; i++) {
    block(100);
    await turn();
    if (i % 5 === 4) worst = lag.take() ?? first;
  }
  expect(worst.maxMs).toBeGreaterThanOrEqual(60);
  expect(worst.maxMs).toBeGreaterThanOrEqual(worst.p99Ms);
  expect(Object.isFrozen(worst)).toBe(true);
});

test('read() begins nothing anew', async () => {
  lag.start();
  while (lag.read() === undefined) await turn();
  for (let i = 0; i < 50 && (lag.read()?.maxMs ?? 0) < 60; i++) {
    block(100);
    await turn();
  }
  expect(lag.read()?.maxMs).toBeGreaterThanOrEqual(60);
  expect(lag.read()?.maxMs).toBeGreaterThanOrEqual(60);
  expect(lag.take()?.maxMs).toBeGreaterThanOrEqual(60);
});

test('stopped, it says nothing', async () => {
  lag.start();
  await seen();
  lag.stop();
  lag.stop();
  expect(lag.take()).toBeUndefined();
});
