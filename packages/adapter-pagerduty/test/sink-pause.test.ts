import { expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { SinkPause } from '../src/sink-pause.js';

const failure = (retryAfterMs?: number): MeshError => new MeshError('adapter_failed', 'no', { retryable: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

test('delays grow to two minutes, half of each at random; an answer ends them', () => {
  for (const [random, factor] of [[1, 1], [0, 0.5]] as const) {
    const pause = new SinkPause(() => random);
    let now = 0;
    for (const delay of [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000]) {
      pause.failed(failure(), now);
      expect(pause.until - now).toBe(delay * factor);
      now = pause.until;
    }
    pause.answered();
    expect([pause.isFailing, pause.heldBy(now), pause.downBy(now)]).toEqual([false, undefined, undefined]);
    pause.failed(failure(), now);
    expect(pause.until - now).toBe(250 * factor);
  }
});

test('calls that fail together are one failure; from the third in a row on it is down', () => {
  const pause = new SinkPause(() => 1);
  for (let call = 0; call < 4; call++) pause.failed(failure(), 0);
  expect(pause.until).toBe(250);
  expect(pause.downBy(0)).toBeUndefined();
  pause.failed(failure(), 250);
  pause.failed(failure(), 750);
  expect(pause.downBy(750)).toMatchObject({ reason: 'adapter_failed' });
});

test('what it asks for is kept, the longest of it, five minutes at most: an answer to another call does not end it', () => {
  const pause = new SinkPause(() => 1);
  pause.failed(failure(20_000), 0);
  pause.failed(failure(1_000), 0);
  pause.answered();
  pause.endDelay();
  expect([pause.askedUntil, pause.heldBy(19_999) === undefined, pause.heldBy(20_000)]).toEqual([20_000, false, undefined]);
  expect(pause.downBy(19_999)).toMatchObject({ retryAfterMs: 20_000 });
  pause.failed(failure(86_400_000), 20_000);
  expect(pause.askedUntil).toBe(320_000);
});

test('a short wait that is asked for is no reason to give up', () => {
  const pause = new SinkPause(() => 1);
  pause.failed(failure(5_000), 0);
  expect([pause.heldBy(0) === undefined, pause.downBy(0)]).toEqual([false, undefined]);
});
