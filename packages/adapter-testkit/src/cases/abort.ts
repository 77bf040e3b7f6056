import assert from 'node:assert/strict';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { AdapterCase } from '../case.js';
import { missing } from '../held.js';
import { outcomeOf } from '../outcome.js';
import type { Probe } from '../probe.js';
import type { Trial } from '../trial.js';

/** What a lane aborts a delivery with that took too long. */
const timedOut = (): MeshError => new MeshError('adapter_timeout', 'no answer within 10000 ms', { retryable: true });

/** Long enough for a delivery to come to a sink on the same machine, in ms; where it has not, the case asks less, but nothing wrong. */
const REACHED_MS = 50;

/** A delivery that hangs in the sink, and how to end it. */
async function hangingDelivery(trial: Trial): Promise<{ readonly probe: Probe; readonly delivery: Promise<void>; readonly abort: () => void }> {
  const probe = await trial.open();
  await probe.subject.hang?.();
  const controller = new AbortController();
  const delivery = Promise.resolve(probe.callBatch(probe.events(3), controller.signal));
  const early = await outcomeOf(delivery, Math.min(REACHED_MS, probe.patienceMs / 4));
  assert.ok(early.state !== 'fulfilled', 'logEvents() resolves while the sink gives no answer');
  return { probe, delivery, abort: () => controller.abort(timedOut()) };
}

/** The signal of `logEvents`. */
export const ABORT_CASES: readonly AdapterCase[] = [
  {
    name: 'aborted-before',
    title: 'logEvents() with a signal that is aborted already rejects',
    needs: ['batches'],
    run: async (trial) => {
      const probe = await trial.open();
      await probe.rejection('logEvents() with an aborted signal', () => probe.callBatch(probe.events(2), AbortSignal.abort(timedOut())));
    },
  },
  {
    name: 'aborted-in-flight',
    title: 'a delivery that is aborted at once ends, and resolves only if the sink has it',
    needs: ['batches'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(3);
      const { state } = await probe.outcome('logEvents() that is aborted', () => {
        const controller = new AbortController();
        const delivery = probe.callBatch(events, controller.signal);
        controller.abort(timedOut());
        return delivery;
      });
      if (state !== 'fulfilled' || probe.support.events === false) return;
      const wrong = missing(await probe.held(), probe.wanted(events), 1);
      assert.ok(wrong === undefined, `logEvents() was aborted and resolves, but ${wrong}`);
    },
  },
  {
    name: 'aborted-while-hanging',
    title: 'a delivery to a sink that gives no answer rejects as soon as it is aborted',
    needs: ['batches', 'hanging'],
    run: async (trial) => {
      const { probe, delivery, abort } = await hangingDelivery(trial);
      abort();
      await probe.rejection('logEvents() that is aborted while the sink hangs', () => delivery);
    },
  },
  {
    name: 'usable-after-abort',
    title: 'after a delivery was aborted the next one works',
    needs: ['batches', 'hanging', 'events'],
    run: async (trial) => {
      const { probe, delivery, abort } = await hangingDelivery(trial);
      abort();
      await outcomeOf(delivery, probe.patienceMs);
      await probe.subject.release?.();
      const events = probe.events(3);
      await probe.logBatch(events);
      await probe.expectContains(events);
    },
  },
  {
    name: 'closed-while-hanging',
    title: 'close() does not wait for a delivery that was aborted',
    needs: ['batches', 'hanging'],
    run: async (trial) => {
      const { probe, delivery, abort } = await hangingDelivery(trial);
      abort();
      await outcomeOf(delivery, probe.patienceMs);
      await probe.close();
    },
  },
];
