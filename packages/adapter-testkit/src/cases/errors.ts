import assert from 'node:assert/strict';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SinkFailureKind } from '../adapter-support.js';
import type { AdapterCase } from '../case.js';
import { brief } from '../held.js';
import type { Probe } from '../probe.js';
import { throwingLogger } from '../recording-logger.js';
import type { Trial } from '../trial.js';

/** Whole seconds: HTTP's Retry-After knows no others. */
const RETRY_AFTER_MS = 7_000;

/** Makes the sink refuse. */
const refuse = async (probe: Probe, kind: SinkFailureKind): Promise<void> => probe.subject.fail?.({ kind, retryAfterMs: kind === 'throttled' ? RETRY_AFTER_MS : 0 });

/** What deliveries to a sink that refuses reject with, by way of each method that delivers. */
async function refusals(trial: Trial, kind: SinkFailureKind): Promise<Error[]> {
  const probe = await trial.open();
  await refuse(probe, kind);
  const errors = [await probe.rejection('logEvent() to a sink that refuses', () => probe.adapter.logEvent(probe.event()))];
  if (probe.canBatch) {
    errors.push(await probe.rejection('logEvents() to a sink that refuses', () => probe.callBatch(probe.events(3), new AbortController().signal)));
  }
  return errors;
}

/** As lanes see it: a plain Error is worth another try. */
const isRetryable = (error: Error): boolean => (MeshError.is(error) ? error.retryable : true);

/** Errors. */
export const ERROR_CASES: readonly AdapterCase[] = [
  {
    name: 'retryable-failure',
    title: 'a sink that is away for now is a retryable error',
    needs: ['retryable'],
    run: async (trial) => {
      for (const error of await refusals(trial, 'retryable')) assert.ok(isRetryable(error), `should be retryable: ${brief(error)}`);
    },
  },
  {
    name: 'permanent-failure',
    title: 'a sink that will never take an event is a MeshError with retryable: false',
    needs: ['permanent'],
    run: async (trial) => {
      for (const error of await refusals(trial, 'permanent')) {
        assert.ok(MeshError.is(error) && !error.retryable, `should be a MeshError with retryable: false: ${brief(error)}`);
      }
    },
  },
  {
    name: 'throttled-failure',
    title: 'how long the sink asks to wait is the retryAfterMs of a retryable MeshError',
    needs: ['throttled'],
    run: async (trial) => {
      for (const error of await refusals(trial, 'throttled')) {
        assert.ok(MeshError.is(error) && error.retryable, `should be a MeshError with retryable: true: ${brief(error)}`);
        assert.equal(error.retryAfterMs, RETRY_AFTER_MS, 'retryAfterMs is not what the sink said');
      }
    },
  },
  {
    name: 'usable-after-failure',
    title: 'after the sink has refused, the adapter delivers again',
    needs: ['failures'],
    run: async (trial) => {
      for (const kind of trial.support.failures ?? []) {
        const probe = await trial.open();
        await refuse(probe, kind);
        await probe.outcome('a delivery to a sink that refuses', () => preferred(probe, probe.events(2)));
        await probe.subject.release?.();
        const events = probe.events(2);
        await probe.deliver(events);
        await probe.expectContains(events);
      }
    },
  },
  {
    name: 'wrong-use',
    title: 'what is no event is rejected, with an error, and disturbs nothing',
    run: async (trial) => {
      const probe = await trial.open();
      for (const nothing of [undefined, null]) {
        const event = nothing as unknown as MeshAuditEvent;
        await probe.rejection(`logEvent(${nothing})`, () => probe.adapter.logEvent(event));
        if (!probe.canBatch) continue;
        const { signal } = new AbortController();
        await probe.rejection(`logEvents(${nothing})`, () => probe.callBatch(event as unknown as MeshAuditEvent[], signal));
        await probe.rejection(`logEvents([${nothing}])`, () => probe.callBatch([event], signal));
      }
      const events = probe.events(2);
      await probe.deliver(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'throwing-logger',
    title: 'a logger that throws changes nothing',
    run: async (trial) => {
      const probe = await trial.construct();
      await probe.start(throwingLogger);
      const events = probe.events(4);
      await probe.deliver(events.slice(0, 2));
      if (probe.support.failures?.includes('retryable') === true) {
        await refuse(probe, 'retryable');
        await probe.outcome('a delivery to a sink that refuses', () => preferred(probe, probe.events(2)));
        await probe.subject.release?.();
      }
      await probe.deliver(events.slice(2));
      await probe.flush();
      await probe.close();
      await probe.expectContains(events);
    },
  },
];

/** In the way that the adapter prefers. */
const preferred = (probe: Probe, events: readonly MeshAuditEvent[]): Promise<void> | undefined =>
  probe.canBatch ? probe.callBatch(events, new AbortController().signal) : probe.adapter.logEvent(events[0] as MeshAuditEvent);
