import assert from 'node:assert/strict';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AdapterCase } from '../case.js';
import { brief, difference, missing } from '../held.js';
import { HeldResources } from '../held-resources.js';
import { eventually } from '../outcome.js';
import type { Probe } from '../probe.js';
import { filesIn, processListeners, startedBy } from '../started-resources.js';
import type { Trial } from '../trial.js';

/** Has an adapter for a new sink live through something, and fails if that leaves anything that keeps the process alive. */
async function expectNothingHeld(trial: Trial, when: string, live: (probe: Probe) => Promise<void>): Promise<Probe> {
  const probe = await trial.prepare();
  const held = new HeldResources();
  try {
    await held.during(() => live(probe));
    // What was closed takes some turns to go.
    await eventually(probe.patienceMs, () => held.kinds().length === 0);
    const kinds = held.kinds();
    assert.ok(kinds.length === 0, `${when} it keeps the process alive by ${kinds.join(', ')}`);
  } finally {
    held.stop();
  }
  return probe;
}

/** From construction to close, and what is left then. */
export const LIFE_CYCLE_CASES: readonly AdapterCase[] = [
  {
    name: 'construct-without-io',
    title: 'constructing it opens, starts and writes nothing',
    run: async (trial) => {
      const probe = await trial.prepare();
      const before = filesIn(probe.environment.directory);
      const { started } = startedBy(() => probe.construct());
      assert.deepEqual(started, [], 'the constructor starts I/O or a timer');
      assert.deepEqual(filesIn(probe.environment.directory), before, 'the constructor writes files');
    },
  },
  {
    name: 'works-without-start',
    title: 'it works without start()',
    run: async (trial) => {
      const probe = await trial.construct();
      const events = probe.events(3);
      await probe.deliver(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'start-after-events',
    title: 'start() may come after the first events, and loses none of them',
    run: async (trial) => {
      const probe = await trial.construct();
      const events = probe.events(6);
      // That they are taken before start() is the case above.
      const early: MeshAuditEvent[] = [];
      for (const event of events.slice(0, 3)) {
        const { state } = await probe.outcome('logEvent()', () => probe.adapter.logEvent(event));
        if (state === 'fulfilled') early.push(event);
      }
      await probe.start();
      await probe.deliver(events.slice(3));
      await probe.expectHeld([...early, ...events.slice(3)]);
    },
  },
  {
    name: 'flush-waits',
    title: 'flush() resolves when what was handed over before is in the sink',
    run: async (trial) => {
      const probe = await trial.open();
      if (probe.adapter.flush === undefined) return;
      await probe.flush();
      const event = probe.event();
      const delivery = probe.log(event);
      // It is awaited below; until then a rejection must not count as unhandled.
      delivery.catch(() => undefined);
      await probe.flush();
      const wrong = probe.support.events === false ? undefined : difference(await probe.held(), probe.wanted([event]));
      await delivery;
      assert.ok(wrong === undefined, `flush() has resolved, but ${wrong}`);
    },
  },
  {
    name: 'close-twice',
    title: 'close() may be called again, at the same time or later, and on what was never used',
    run: async (trial) => {
      for (const isUsed of [false, true]) {
        const probe = await (isUsed ? trial.open() : trial.construct());
        if (isUsed) await probe.deliver(probe.events(2));
        await Promise.all([probe.close(), probe.close()]);
        await probe.close();
      }
    },
  },
  {
    name: 'use-after-close',
    title: 'after close() deliveries reject with a MeshError with retryable: false, and nothing comes to the sink',
    run: async (trial) => {
      const probe = await trial.open();
      if (probe.adapter.close === undefined) return;
      const events = probe.events(2);
      await probe.deliver(events);
      await probe.close();
      const errors = [await probe.rejection('logEvent() after close()', () => probe.adapter.logEvent(probe.event()))];
      if (probe.canBatch) {
        errors.push(await probe.rejection('logEvents() after close()', () => probe.callBatch(probe.events(2), new AbortController().signal)));
      }
      for (const error of errors) assert.ok(MeshError.is(error) && !error.retryable, `should be a MeshError with retryable: false: ${brief(error)}`);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'close-during-delivery',
    title: 'close() during deliveries: each ends, and those that resolve are in the sink',
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(20);
      const deliveries = events.map((event) => probe.outcome('logEvent() during close()', () => probe.adapter.logEvent(event)));
      const closing = probe.close();
      const outcomes = await Promise.all(deliveries);
      await closing;
      if (probe.support.events === false) return;
      const taken = events.filter((_event, index) => outcomes[index]?.state === 'fulfilled');
      const wrong = missing(await probe.held(), probe.wanted(taken), 1);
      assert.ok(wrong === undefined, `deliveries have resolved, but after close() ${wrong}`);
    },
  },
  {
    name: 'successor-adds',
    title: 'another one for the same sink, after the first is closed, adds to what is there',
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(6);
      await probe.deliver(events.slice(0, 3));
      await probe.close();
      probe.construct();
      await probe.start();
      await probe.deliver(events.slice(3));
      await probe.expectHeld(events);
    },
  },
  {
    name: 'process-not-held',
    title: 'left unclosed it does not keep the process alive',
    run: async (trial) => {
      await expectNothingHeld(trial, 'between deliveries', async (probe) => {
        probe.construct();
        await probe.start();
        await probe.deliver(probe.events(3));
      });
    },
  },
  {
    name: 'nothing-left-after-close',
    title: 'after close() nothing of it is left: no handle, no timer',
    run: async (trial) => {
      const probe = await expectNothingHeld(trial, 'after close()', async (opened) => {
        opened.construct();
        await opened.start();
        await opened.deliver(opened.events(3));
        await opened.flush();
        await opened.close();
      });
      assert.equal(probe.clock.pendingTimers, 0, 'after close() timers of the clock are still armed');
    },
  },
  {
    name: 'process-listeners-removed',
    title: 'after close() the process has no listeners of its own: signals and exits are the program\'s',
    run: async (trial) => {
      const probe = await trial.prepare();
      const before = processListeners();
      probe.construct();
      await probe.start();
      await probe.deliver(probe.events(3));
      await probe.close();
      assert.deepEqual(processListeners(), before, 'listeners were added to the process');
    },
  },
];
