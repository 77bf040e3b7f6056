import assert from 'node:assert/strict';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AdapterCase } from '../case.js';
import { missing } from '../held.js';

/** Events of a lane's batch, by default. */
const MANY = 500;

/** An event that no sink can take: the mesh never makes one, but an adapter can be used alone. */
function unreadable(event: MeshAuditEvent): MeshAuditEvent {
  const metadata = {
    get unreadable(): string {
      throw new Error('cannot be read');
    },
  };
  return Object.freeze({ ...event, details: Object.freeze({ ...event.details, metadata }) });
}

/** `logEvents`. */
export const BATCH_CASES: readonly AdapterCase[] = [
  {
    name: 'batch-of-none',
    title: 'an empty batch resolves, and nothing comes of it',
    needs: ['batches'],
    run: async (trial) => {
      const probe = await trial.open();
      await probe.logBatch([]);
      const events = probe.events(2);
      await probe.logBatch(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'batch-of-one',
    title: 'a batch of one event, and logEvent() beside it',
    needs: ['batches', 'events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(3);
      for (const [index, event] of events.entries()) await (index === 1 ? probe.log(event) : probe.logBatch([event]));
      await probe.expectHeld(events);
    },
  },
  {
    name: 'batch-of-many',
    title: `a batch of ${MANY} events comes to the sink whole and in order, and the next one after it`,
    needs: ['batches', 'events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(MANY + 10);
      await probe.logBatch(events.slice(0, MANY));
      await probe.logBatch(events.slice(MANY));
      await probe.expectHeld(events);
    },
  },
  {
    name: 'batch-all-or-nothing',
    title: 'a batch with an event that cannot be taken does not resolve without it, and leaves the adapter usable',
    needs: ['batches', 'events'],
    run: async (trial) => {
      const probe = await trial.open();
      const [first, second, third] = probe.events(3) as [MeshAuditEvent, MeshAuditEvent, MeshAuditEvent];
      const events = [first, unreadable(second), third];
      const { state } = await probe.outcome('logEvents()', () => probe.callBatch(events, new AbortController().signal));
      if (state === 'fulfilled') {
        // A sink that does not read metadata may well have it.
        const wanted = wantedOrNone(() => probe.wanted(events));
        const wrong = wanted === undefined ? 'one of the events cannot be there' : missing(await probe.held(), wanted, 1);
        assert.ok(wrong === undefined, `logEvents() resolves, but ${wrong}`);
        return;
      }
      await probe.logBatch([first, third]);
      await probe.expectContains([first, third], 2);
    },
  },
  {
    name: 'batch-partly-refused',
    title: 'a batch of which the sink takes only a part is rejected, and can be delivered again',
    needs: ['batches', 'events', 'partial'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(4);
      await probe.subject.fail?.({ kind: 'partial', retryAfterMs: 0 });
      await probe.rejection('logEvents() of which the sink takes a part', () => probe.callBatch(events, new AbortController().signal));
      await probe.subject.release?.();
      await probe.logBatch(events);
      await probe.expectContains(events, 2);
    },
  },
];

function wantedOrNone(wanted: () => unknown[]): unknown[] | undefined {
  try {
    return wanted();
  } catch {
    return undefined;
  }
}
