import assert from 'node:assert/strict';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AdapterCase } from '../case.js';
import { difference, plain } from '../held.js';

const TEXTS = ['Grüße aus Zürich', '日本語のテキスト', 'שלום عالم', 'e\u0301 é', '👩‍👩‍👧‍👦 😀', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢', 'ﬁ ﬀ', 'z\u0310\u0310\u0310'];

/** Values and names that a mapping easily loses or confuses. */
const NESTED = {
  list: [1, 'two', { three: [3, [4]] }, [], null, true],
  empty: {},
  blank: '',
  nothing: null,
  zero: 0,
  no: false,
  fraction: 0.1,
  large: Number.MAX_SAFE_INTEGER,
  tiny: 5e-324,
  negative: -1.5,
  // Names of the event's own fields, of sinks' fields, of the prototype
  id: 'not the id',
  timestamp: 'no time',
  level: 'not the level',
  message: 'no message',
  log: 'no log',
  constructor: 'no constructor',
  toString: 'no method',
  'a.b': 'not nested',
  'with space "and" quotes': 1,
  $ref: '#',
};

const expectDistinct = (wanted: readonly unknown[]): void =>
  assert.equal(new Set(wanted.map((each) => JSON.stringify(each))).size, wanted.length, 'holds() gives the same for two events: neither order nor loss could be seen');

/** Fails where a list, an event in it or an event's date is not what it was. */
async function expectUntouched(events: readonly MeshAuditEvent[], deliver: () => Promise<void>): Promise<void> {
  const list = [...events];
  const content = events.map(plain);
  const dates = events.map(({ timestamp }) => timestamp);
  await deliver();
  assert.ok(events.length === list.length && events.every((event, index) => event === list[index]), 'the list of events is changed');
  assert.deepEqual(events.map(plain), content, 'an event is changed');
  assert.ok(events.every(({ timestamp }, index) => timestamp === dates[index]), 'an event gets another date');
}

/** What was handed over is what the sink has. */
export const CONTENT_CASES: readonly AdapterCase[] = [
  {
    name: 'held-when-resolved',
    title: 'a promise that resolves means that the sink has the event',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(3);
      for (const [index, event] of events.entries()) {
        await probe.log(event);
        const wrong = difference(await probe.held(), probe.wanted(events.slice(0, index + 1)));
        assert.ok(wrong === undefined, `logEvent() has resolved, but ${wrong}`);
      }
    },
  },
  {
    name: 'order-and-content',
    title: 'events of every type come to the sink whole and in the order of their delivery, whatever their times',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = Array.from({ length: 28 }, () => probe.event(() => probe.samples.varied()));
      expectDistinct(probe.wanted(events));
      for (const event of events) await probe.log(event);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'unicode',
    title: 'text of any script stays as it is',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = TEXTS.map((text) => probe.event(() => probe.samples.next({ action: text, error: text, metadata: { [text]: text } }, { targetServiceId: text })));
      await probe.deliver(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'nested-metadata',
    title: 'metadata keeps its structure, types and names',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const deep = { one: { two: { three: { four: { five: 'here' } } } } };
      const events = [NESTED, deep].map((metadata) => probe.event(() => probe.samples.next({ metadata })));
      await probe.deliver(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'optional-fields-missing',
    title: 'events that lack what is optional are taken as they are',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = (['nothing', 'metadata', 'trace', 'targetServiceId', 'error'] as const).map((kept) => probe.event(() => probe.samples.bare(kept)));
      await probe.deliver(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'input-untouched',
    title: 'frozen events are taken, and nothing of an event or a batch is changed, its date included',
    run: async (trial) => {
      const probe = await trial.open();
      // Assigning to what is frozen throws in strict code only; elsewhere it shows on what is not.
      const copies = (count: number): MeshAuditEvent[] => probe.events(count).map((event) => structuredClone(event));
      for (const make of [probe.events.bind(probe), copies]) {
        const events = make(2);
        await expectUntouched(events, async () => {
          for (const event of events) await probe.log(event);
        });
        if (!probe.canBatch) continue;
        for (const batch of [Object.freeze(make(3)), make(3)]) {
          await expectUntouched(batch, () => probe.must('logEvents()', () => probe.callBatch(batch, new AbortController().signal)));
        }
      }
    },
  },
  {
    name: 'concurrent-calls',
    title: 'calls of logEvent() at the same time are all kept, each event once',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = probe.events(20);
      const calls: Promise<void>[] = events.map((event) => probe.log(event));
      await Promise.all(calls);
      await probe.expectContains(events);
    },
  },
  {
    name: 'same-event-again',
    title: 'an event that was delivered already is no error: the answer to the first delivery may have been lost',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events: MeshAuditEvent[] = probe.events(3);
      for (let times = 0; times < 2; times++) await probe.deliver(events);
      await probe.expectContains(events, 2);
    },
  },
];
