import { expect, test } from '@jest/globals';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { DatadogAdapter } from '../src/datadog-adapter.js';
import type { DatadogServer } from './support/datadog-server.js';
import { eventOf, eventsOf } from './support/events.js';
import { adapterFor, serverWith } from './support/setting.js';

const { signal } = new AbortController();
/** After these the service has what it was sent, and nobody knows. */
const UNCERTAIN = ['reset-after', 'reset-in-answer'];
const CERTAIN = ['408', '429', '429-retry-after', '500', '503', 'reset-before', 'garbage', 'slow-body'];

/** What the lane does, without its waits: the same batch again, and halves of one that is refused for good. */
async function deliver(adapter: DatadogAdapter, events: readonly MeshAuditEvent[], dead: MeshAuditEvent[]): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      return await adapter.logEvents(events, { signal });
    } catch (error) {
      if (!MeshError.is(error)) throw error;
      if (error.retryable) continue;
      if (events.length === 1) return void dead.push(...events);
      await deliver(adapter, events.slice(0, events.length >> 1), dead);
      return deliver(adapter, events.slice(events.length >> 1), dead);
    }
  }
  throw new Error('200 attempts were not enough');
}

const counts = (server: DatadogServer, events: readonly MeshAuditEvent[]): number[] => events.map(({ id }) => server.ids.get(id) ?? 0);

test.each(CERTAIN)('half of all requests end with %s: every event arrives, once', async (fault) => {
  const server = await serverWith({ keep: 'ids', faults: { rate: 0.5, kinds: [fault], seed: 7 } });
  const adapter = adapterFor(server);
  const batches = Array.from({ length: fault === 'slow-body' ? 2 : 5 }, () => eventsOf(2_200));
  const dead: MeshAuditEvent[] = [];
  for (const events of batches) await deliver(adapter, events, dead);
  expect(server.faults.counts[fault]).toBeGreaterThan(1);
  expect(dead).toEqual([]);
  expect(counts(server, batches.flat()).every((count) => count === 1)).toBe(true);
});

test.each(UNCERTAIN)('half of all requests end with %s: every event arrives; of the parts of a batch no more than those that nobody knows of twice', async (fault) => {
  const server = await serverWith({ keep: 'ids', faults: { rate: 0.5, kinds: [fault], seed: 7 } });
  const adapter = adapterFor(server);
  const batches = Array.from({ length: 5 }, () => eventsOf(2_200));
  for (const events of batches) await deliver(adapter, events, []);
  const all = counts(server, batches.flat());
  expect(Math.min(...all)).toBe(1);
  // Each fault repeats one request, of 1,000 at most.
  expect(all.reduce((sum, count) => sum + count - 1, 0)).toBeLessThanOrEqual(1_000 * (server.faults.counts[fault] ?? 0));
});

test('all of them together, with a proxy that takes less, and an event that nobody will take', async () => {
  const server = await serverWith({ keep: 'ids', limits: { logsBytes: 40_000, logs: 130 }, faults: { rate: 0.3, kinds: [...CERTAIN.filter((fault) => fault !== 'slow-body'), ...UNCERTAIN], seed: 3 } });
  const adapter = adapterFor(server);
  const dead: MeshAuditEvent[] = [];
  const large = eventOf({ metadata: { text: 'x'.repeat(50_000) } });
  const batches = Array.from({ length: 10 }, (_, index) => [...eventsOf(300), ...(index === 4 ? [large] : []), ...eventsOf(200)]);
  for (const events of batches) await deliver(adapter, events, dead);
  expect(dead).toEqual([large]);
  const all = counts(server, batches.flat().filter((event) => event !== large));
  expect(all).toHaveLength(5_000);
  expect(Math.min(...all)).toBe(1);
  expect(Object.keys(server.faults.counts).length).toBeGreaterThan(6);
});

test('a service that goes away in the middle and comes back', async () => {
  const server = await serverWith({ keep: 'ids' });
  const adapter = adapterFor(server);
  const events = eventsOf(3_500);
  const first = adapter.logEvents(events, { signal });
  // One request is on its way, or over.
  while (server.requests === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.down();
  await expect(first).rejects.toMatchObject({ retryable: true });
  await server.up();
  await deliver(adapter, events, []);
  const all = counts(server, events);
  expect(Math.min(...all)).toBe(1);
  expect(all.filter((count) => count > 1).length).toBeLessThanOrEqual(1_000);
});

test('a wrong key is no reason to look for the event that is at fault: nothing is refused for good', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  const events = eventsOf(3);
  server.faults.failNext('403');
  await expect(adapter.logEvents(events, { signal })).rejects.toMatchObject({ reason: 'sink_unauthenticated', code: 'UNAUTHENTICATED' });
  await adapter.logEvents(events, { signal });
  expect(counts(server, events)).toEqual([1, 1, 1]);
});
