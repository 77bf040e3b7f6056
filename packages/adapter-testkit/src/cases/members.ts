import assert from 'node:assert/strict';
import { isSupported } from '../adapter-support.js';
import type { AdapterCase } from '../case.js';
import { plain } from '../held.js';
import { sampleMetrics } from '../sample-metrics.js';

const METHODS = ['logEvent', 'logEvents', 'logMetrics', 'accepts', 'start', 'flush', 'close'] as const;

/** Names stand in logs and statistics. */
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u;

/** What the adapter has, and that it is what it says. */
export const MEMBER_CASES: readonly AdapterCase[] = [
  {
    name: 'members-as-declared',
    title: 'its members are those of the interface, and what `supports` says',
    run: async (trial) => {
      const { adapter, subject, support } = await trial.construct();
      assert.equal(typeof adapter.logEvent, 'function', 'logEvent is missing');
      for (const name of METHODS) assert.ok(['function', 'undefined'].includes(typeof adapter[name]), `${name} is no method`);
      const { name } = adapter;
      assert.ok(name === undefined || (typeof name === 'string' && PRINTABLE.test(name)), 'name is no short, printable text');
      assert.ok(['boolean', 'undefined'].includes(typeof adapter.durable), 'durable is neither true nor false');
      const declared = (flag: 'batches' | 'durable' | 'filters' | 'metrics' | 'hanging' | 'terminal', actual: boolean): void =>
        assert.equal(isSupported(support, flag), actual, `supports.${flag} should be ${actual}: what is there says so`);
      declared('batches', adapter.logEvents !== undefined);
      declared('durable', adapter.durable === true);
      declared('filters', adapter.accepts !== undefined);
      declared('metrics', adapter.logMetrics !== undefined);
      declared('hanging', subject.hang !== undefined);
      declared('terminal', subject.screen !== undefined);
      assert.equal((support.failures?.length ?? 0) > 0, subject.fail !== undefined, 'supports.failures lists what fail() can do, and only there');
      assert.ok(subject.release !== undefined || (subject.fail === undefined && subject.hang === undefined), 'a subject with fail() or hang() needs release()');
    },
  },
  {
    name: 'accepts-consistent',
    title: 'accepts() gives the same answer each time it is asked of the same event, and changes nothing',
    needs: ['filters'],
    run: async (trial) => {
      const probe = await trial.construct();
      const events = Array.from({ length: 30 }, () => probe.samples.next());
      const before = events.map(plain);
      const first = events.map((event) => probe.accepts(event));
      for (const answer of first) assert.equal(typeof answer, 'boolean', 'accepts() answers at once, with true or false');
      const backwards = events.toReversed().map((event) => probe.accepts(event));
      assert.deepEqual(backwards.reverse(), first, 'accepts() answers otherwise when asked again');
      await probe.start();
      await probe.deliver(events.filter((_event, index) => first[index]));
      assert.deepEqual(events.map((event) => probe.accepts(event)), first, 'accepts() answers otherwise after start() and some deliveries');
      assert.deepEqual(events.map(plain), before, 'accepts() changes events');
    },
  },
  {
    name: 'metrics-taken',
    title: 'logMetrics() takes a snapshot and leaves it as it was',
    needs: ['metrics'],
    run: async (trial) => {
      const probe = await trial.open();
      const snapshots = [sampleMetrics('order-service'), structuredClone(sampleMetrics('order-service'))];
      for (const snapshot of snapshots) {
        await probe.must('logMetrics()', () => probe.adapter.logMetrics?.(snapshot));
        assert.deepEqual(plain(snapshot), plain(sampleMetrics('order-service')), 'logMetrics() changes the snapshot');
      }
    },
  },
];
