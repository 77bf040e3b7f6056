import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Child } from './support/child.js';
import { TestBed } from './support/test-bed.js';

/** `npm run soak` makes all of them. */
const CYCLES = process.env['MESH_SOAK'] === undefined ? 1_000 : 10_000;
/** The heap is looked at so often; what the first ones allocate stays: pools, caches that fill. */
const SAMPLES = 20;
const WARM_UP = 5;
const MOST_BYTES_PER_100 = 1_024;

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** How much the heap grows in 100 cycles: the median of the slopes between any two looks (Theil-Sen). What comes once, as a cache that doubles, does not count; what each cycle leaves does. */
function slopePer100(heap: readonly number[]): number {
  const used = heap.slice(WARM_UP);
  const slopes = used.flatMap((y, x) => used.slice(x + 1).map((later, steps) => (later - y) / (steps + 1))).sort((a, b) => a - b);
  return ((slopes[slopes.length >> 1] as number) / (CYCLES / SAMPLES)) * 100;
}

describe(`${CYCLES} connections, each with a handshake, a call and its end`, () => {
  test('leave nothing in the heaps of both ends, and no handle: both processes end by themselves', async () => {
    const folders = { MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir };
    const payments = bed.closing(new Child('connects-and-disconnects.mjs', folders));
    const port = await payments.next<number>();
    const began = performance.now();
    const orders = bed.closing(new Child('connects-and-disconnects.mjs', { ...folders, CYCLES: String(CYCLES), SAMPLES: String(SAMPLES), PEER_PORT: String(port) }));
    const heaps = { dials: [] as number[], accepts: [] as number[] };
    for (let sample = 0; sample < SAMPLES; sample++) {
      heaps.dials.push(await orders.next());
      heaps.accepts.push(await payments.ask('heap'));
      orders.tell('go on');
    }
    const ms = performance.now() - began;
    payments.tell('end');
    for (const child of [orders, payments]) expect(await child.ended).toMatchObject({ code: 0, signal: null, stdout: '[]\n' });
    const slopes = { dials: slopePer100(heaps.dials), accepts: slopePer100(heaps.accepts) };
    // For who looks at a soak.
    process.stderr.write(`${CYCLES} connections in ${Math.round(ms)} ms: heap per 100 ${JSON.stringify(slopes)} B; ${JSON.stringify(heaps)}\n`);
    expect(slopes.dials).toBeLessThan(MOST_BYTES_PER_100);
    expect(slopes.accepts).toBeLessThan(MOST_BYTES_PER_100);
  }, 240_000);
});
