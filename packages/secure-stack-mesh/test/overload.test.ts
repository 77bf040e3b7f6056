import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { Child } from './support/child.js';
import { TestBed } from './support/test-bed.js';

const [LIMIT, QUEUE] = [8, 32];
/** What the service takes in one second, about: each call costs 1 ms of CPU. */
const CAPACITY = 1_000;
const TICK_MS = 10;
const PADDING = 'x'.repeat(4_000);

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

interface Figures {
  readonly mostRunning: number;
  readonly ran: number;
  readonly peak: number;
}

interface Api {
  pay(input: { key: number; padding: string }): number;
}

describe('a service that is offered five times as much as it can take', () => {
  test('refuses what is too much, which has not run; answers the rest; and needs no more memory for it', async () => {
    const service = bed.closing(new Child('slow-service.mjs', { MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir, LIMIT: String(LIMIT), QUEUE: String(QUEUE) }));
    await service.next<number>();
    const orders = await bed.running({ serviceId: 'orders', monitoring: { enabled: false } });
    const client = orders.mesh.connect<Api>('payments');
    const refused: MeshError[] = [];
    let [next, answered] = [0, 0];
    const one = async (): Promise<void> => {
      const key = next++;
      try {
        expect(await client.call('pay', { key, padding: PADDING }, { retry: false })).toBe(key);
        answered++;
      } catch (error) {
        refused.push(MeshError.from(error));
      }
    };
    /** Open loop: nobody waits for answers before calling again. */
    const offer = async (ticks: number, perTick: number): Promise<void> => {
      const calls: Promise<void>[] = [];
      for (let tick = 0; tick < ticks; tick++) {
        for (let i = 0; i < perTick; i++) calls.push(one());
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
      // None hangs.
      await Promise.all(calls);
    };
    const FIVEFOLD = (CAPACITY * 5 * TICK_MS) / 1_000;
    // What the first calls need stays: code, pools, buffers.
    await offer(100, FIVEFOLD);
    const settled = await service.ask<number>('settle');
    [next, answered, refused.length] = [0, 0, 0];
    const before = await service.ask<Figures>('figures');
    await offer(250, FIVEFOLD);
    const { mostRunning, ran, peak } = await service.ask<Figures>('figures');
    expect(answered + refused.length).toBe(next);
    expect(ran - before.ran).toBe(answered);
    expect(answered).toBeGreaterThan(100);
    expect(refused.length).toBeGreaterThan(next / 2);
    expect(mostRunning).toBeLessThanOrEqual(LIMIT);
    const kinds = new Set(refused.map(({ code, reason, mayHaveRun }) => JSON.stringify([code, reason, mayHaveRun])));
    expect([...kinds]).toEqual([JSON.stringify(['RESOURCE_EXHAUSTED', 'overloaded', false])]);
    // All that was offered, kept, would be 50 MB and more.
    expect(peak - settled).toBeLessThan(32 * 1024 * 1024);
    // Refusing says nothing bad of who refuses.
    expect(orders.mesh.getStats().metrics.circuitBreakerState).toBe('closed');
  }, 60_000);
});
