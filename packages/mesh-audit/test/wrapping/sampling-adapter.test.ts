import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { AuditLogger } from '../../src/audit-logger.js';
import { FilterAdapter } from '../../src/wrapping/filter-adapter.js';
import { SamplingAdapter } from '../../src/wrapping/sampling-adapter.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from '../support.js';
import { BatchingAdapter, eventOf, FullAdapter, real, statedBy, statements } from './support.js';

const all = { signal: new AbortController().signal };

describe('what is kept', () => {
  test.each([0, 0.01, 0.1, 0.5, 0.9, 1])('rate %p of the messages that succeeded', async (rate) => {
    const inner = new BatchingAdapter();
    const sampling = new SamplingAdapter(inner, { rate, clock: new FakeClock() });
    const count = 20_000;
    await sampling.logEvents!(Array.from({ length: count }, (_, index) => eventOf(index + 1)), all);
    expect(Math.abs(inner.events.length / count - rate)).toBeLessThanOrEqual(5 * Math.sqrt((rate * (1 - rate)) / count));
    expect(inner.events.length + sampling.leftOut).toBe(count);
  });

  test('messages that failed, errors and security events always pass', async () => {
    const inner = new RecordingAdapter();
    const sampling = new SamplingAdapter(inner, { rate: 0, clock: new FakeClock() });
    const kept = (['connection', 'key_rotation', 'rate_limit', 'circuit_breaker', 'error', 'system'] as const).flatMap((type, index) => [
      eventOf(2 * index + 1, type, { success: true }),
      eventOf(2 * index + 2, type, { success: false }),
    ]);
    kept.push(eventOf(50, 'message', { action: 'message.failed', success: false }));
    for (const event of [...kept, eventOf(99)]) await sampling.logEvent(event);
    expect(inner.events).toEqual(kept);
    expect(sampling.leftOut).toBe(1);
  });

  test('is decided by the trace where there is one, else by the event: the same in every process, as accepts() and logEvent() say', async () => {
    const [one, other] = [new RecordingAdapter(), new RecordingAdapter()];
    const [a, b] = [new SamplingAdapter(one, { rate: 0.3, clock: new FakeClock() }), new SamplingAdapter(other, { rate: 0.3, clock: new FakeClock() })];
    for (let index = 1; index <= 900; index++) {
      const traceId = index.toString(16).padStart(32, '0');
      const [sent, received, untraced] = [
        eventOf(3 * index, 'message', {}, { trace: { traceId, spanId: '1' } }),
        eventOf(3 * index + 1, 'message', { action: 'message.received' }, { trace: { traceId, spanId: '2' } }),
        eventOf(3 * index + 2),
      ];
      expect(a.accepts(sent)).toBe(b.accepts(received));
      for (const event of [sent, received, untraced]) {
        const before = one.events.length;
        const accepted = a.accepts(event);
        await a.logEvent(event);
        await b.logEvent({ ...event });
        expect(one.events.length - before).toBe(accepted ? 1 : 0);
      }
    }
    expect(one.sequences).toEqual(other.sequences);
  });

  test('another seed keeps others', () => {
    const [a, b] = [new SamplingAdapter(new RecordingAdapter(), { rate: 0.5, clock: new FakeClock() }), new SamplingAdapter(new RecordingAdapter(), { rate: 0.5, seed: 'mine', clock: new FakeClock() })];
    const differ = Array.from({ length: 1_000 }, (_, index) => eventOf(index)).filter((event) => a.accepts(event) !== b.accepts(event)).length;
    expect(differ).toBeGreaterThan(350);
    expect(differ).toBeLessThan(650);
  });
});

describe('what was left out is stated', () => {
  test('once an interval, with count and range, if there was any', async () => {
    const clock = new FakeClock(1_000);
    const inner = new RecordingAdapter();
    const sampling = new SamplingAdapter(inner, { rate: 0, clock, intervalMs: 10_000 });
    expect(clock.pendingTimers).toBe(0);
    await sampling.logEvent(eventOf(1, 'connection'));
    await clock.advance(60_000);
    expect(statements(inner)).toEqual([]);

    for (const sequence of [4, 5, 7]) await sampling.logEvent(eventOf(sequence));
    await clock.advance(9_999);
    expect(statements(inner)).toEqual([]);
    await clock.advance(1);
    expect(statements(inner)).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        sequence: 7,
        timestamp: new Date(71_000),
        eventType: 'system',
        serviceId: 'order-service',
        details: { action: 'audit.sampled', success: true, metadata: { count: 3, fromSequence: 4, toSequence: 7, rate: 0 } },
      },
    ]);
    expect(Object.isFrozen(inner.events.at(-1))).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('at flush() and at close(), before the inner adapter is flushed or closed', async () => {
    const clock = new FakeClock();
    const inner = new FullAdapter();
    const seen: string[] = [];
    inner.answer = ({ details }) => void seen.push(`${details.action} ${inner.calls.length}`);
    const sampling = new SamplingAdapter(inner, { rate: 0, clock });
    await sampling.logEvents!([eventOf(1), eventOf(2)], all);
    await sampling.flush();
    await sampling.flush();
    await sampling.logEvent(eventOf(3));
    await sampling.close();
    expect(seen).toEqual(['audit.sampled 0', 'audit.sampled 2']);
    expect(statedBy(inner.events)).toBe(3);
    expect(inner.calls).toEqual(['flush', 'flush', 'close']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('each event once, however often it is asked about or delivered again', async () => {
    const inner = new BatchingAdapter();
    const sampling = new SamplingAdapter(inner, { rate: 0, clock: new FakeClock() });
    const events = Array.from({ length: 1_000 }, (_, index) => eventOf(index + 1));
    for (let round = 0; round < 3; round++) {
      for (const event of events) expect(sampling.accepts(round === 0 ? event : { ...event })).toBe(false);
      await sampling.logEvents!(events, all);
    }
    await sampling.flush();
    expect(statements(inner)[0]!.details.metadata).toEqual({ count: 1_000, fromSequence: 1, toSequence: 1_000, rate: 0 });
  });

  test('again, with the same id, where the inner adapter did not take it; what is left out meanwhile goes into the next', async () => {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    const tries: MeshAuditEvent[] = [];
    let down = true;
    const inner = new RecordingAdapter('inner', (event) => {
      tries.push(event);
      if (down) throw new Error('down');
    });
    const sampling = new SamplingAdapter(inner, { rate: 0, clock, logger, intervalMs: 1_000 });
    await sampling.logEvent(eventOf(1));
    await clock.advance(1_000);
    await sampling.logEvent(eventOf(2));
    await clock.advance(1_000);
    down = false;
    await clock.advance(1_000);
    expect(new Set(tries.slice(0, 3).map(({ id }) => id)).size).toBe(1);
    expect(inner.events.map(({ details }) => details.metadata)).toMatchObject([{ count: 1, toSequence: 1 }, { count: 1, fromSequence: 2 }]);
    expect(logger.lines[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('sampling:inner') });
  });

  test('a statement refused for good is summed into the next one', async () => {
    const clock = new FakeClock();
    let refuse = true;
    const inner = new RecordingAdapter('inner', () => {
      if (refuse) throw new MeshError('adapter_failed', 'never', { retryable: false });
    });
    const sampling = new SamplingAdapter(inner, { rate: 0, clock, logger: silentLogger, intervalMs: 1_000 });
    await sampling.logEvent(eventOf(1));
    await clock.advance(1_000);
    refuse = false;
    await sampling.logEvent(eventOf(2));
    await clock.advance(1_000);
    expect(inner.events.map(({ details }) => details.metadata)).toMatchObject([{ count: 2, fromSequence: 1, toSequence: 2 }]);
  });

  test('an inner adapter that hangs holds up neither flush() nor close() nor deliveries for ever', async () => {
    const clock = new FakeClock();
    const inner = new RecordingAdapter('inner', (event) => (event.details.action === 'audit.sampled' ? never() : undefined));
    const sampling = new SamplingAdapter(inner, { rate: 0, clock, logger: silentLogger });
    await sampling.logEvent(eventOf(1));
    const flushing = sampling.flush();
    const delivering = sampling.logEvent(eventOf(2, 'connection'));
    await clock.advance(2_000);
    await Promise.all([flushing, delivering]);
    expect(inner.sequences).toEqual([2]);
    const closing = sampling.close();
    await clock.advance(2_000);
    await closing;

    const hanging = new SamplingAdapter(new RecordingAdapter('hanging', never), { rate: 0, clock, logger: silentLogger });
    void hanging.logEvent(eventOf(3, 'connection'));
    await hanging.logEvent(eventOf(4));
    const ending = hanging.close();
    await clock.advance(4_000);
    await ending;
  });

  test('one at a time with deliveries: the inner adapter never gets two things at once', async () => {
    const clock = new FakeClock();
    let inside = 0;
    let most = 0;
    const inner = new RecordingAdapter('slow', async () => {
      most = Math.max(most, ++inside);
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 40));
      inside--;
    });
    const audit = new AuditLogger({ adapters: [new SamplingAdapter(inner, { rate: 0.2, clock, logger: silentLogger, intervalMs: 50 })], clock, logger: silentLogger, flushMs: 60_000 });
    for (let round = 0; round < 40; round++) {
      audit.record(message());
      audit.record(security());
      await clock.advance(25);
    }
    const closing = audit.close();
    await clock.advance(60_000);
    await closing;
    expect(statements(inner).length).toBeGreaterThan(5);
    expect(most).toBe(1);
  });

  test('an inner adapter that keeps no system events is told nothing; where that is the filter of ours, it is', async () => {
    const deaf: ManagedAdapter & RecordingAdapter = Object.assign(new RecordingAdapter(), { accepts: (event: MeshAuditEvent) => event.eventType === 'message' });
    const one = new SamplingAdapter(deaf, { rate: 0, clock: new FakeClock() });
    await one.logEvent(eventOf(1));
    await one.close();
    expect(deaf.events).toEqual([]);

    const filtered = new RecordingAdapter();
    const two = new SamplingAdapter(new FilterAdapter(filtered, ['message']), { rate: 0, clock: new FakeClock() });
    await two.logEvent(eventOf(1));
    await two.logEvent(eventOf(2, 'connection'));
    await two.close();
    expect(filtered.events.map(({ details }) => details.metadata)).toMatchObject([{ count: 1 }]);
  });
});

type Make = (inner: RecordingAdapter, clock: FakeClock) => { readonly outer: ManagedAdapter; readonly leftOut: () => number; readonly wanted: (event: MeshAuditEvent) => boolean };
const evenOnly = (event: MeshAuditEvent): boolean => event.sequence % 2 === 0;
/** Orders in which sampling and filtering can stand in front of a sink. */
const orders: Readonly<Record<string, Make>> = {
  sampling: (inner, clock) => {
    const outer = new SamplingAdapter(inner, { rate: 0.4, clock, logger: silentLogger, intervalMs: 500 });
    return { outer, leftOut: () => outer.leftOut, wanted: () => true };
  },
  'sampling in sampling': (inner, clock) => {
    const within = new SamplingAdapter(inner, { rate: 0.6, seed: 'a', clock, logger: silentLogger, intervalMs: 300 });
    const outer = new SamplingAdapter(within, { rate: 0.5, seed: 'b', clock, logger: silentLogger, intervalMs: 500 });
    return { outer, leftOut: () => outer.leftOut + within.leftOut, wanted: () => true };
  },
  'sampling in filter': (inner, clock) => {
    const within = new SamplingAdapter(inner, { rate: 0.4, clock, logger: silentLogger, intervalMs: 500 });
    return { outer: new FilterAdapter(within, evenOnly), leftOut: () => within.leftOut, wanted: evenOnly };
  },
  'filter in sampling': (inner, clock) => {
    const outer = new SamplingAdapter(new FilterAdapter(inner, evenOnly), { rate: 0.4, clock, logger: silentLogger, intervalMs: 500 });
    return { outer, leftOut: () => outer.leftOut, wanted: evenOnly };
  },
};

test.each(Object.keys(orders))('%s: kept and stated make all that passed the filters, each once, in order', async (order) => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ record: fc.constantFrom('message' as const, 'security' as const), times: fc.integer({ min: 1, max: 15 }) }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 1_500 }) }) },
    { weight: 1, arbitrary: fc.constant({ flush: true as const }) },
  );
  const faults = fc.array(fc.constantFrom('take' as const, 'take' as const, 'take' as const, 'fail' as const), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), faults, fc.boolean(), async (steps, answers, batches) => {
      const clock = new FakeClock();
      let answer = 0;
      const inner = new (batches ? BatchingAdapter : RecordingAdapter)('sink', () => {
        if (answers[answer++ % answers.length] === 'fail' && answers.includes('take')) throw new Error('for now');
      });
      const { outer, leftOut, wanted } = orders[order]!(inner, clock);
      const audit = new AuditLogger({ adapters: [outer], clock, logger: silentLogger, retryDelayMs: 10, attempts: 100, flushMs: 600_000 });
      const recorded: MeshAuditEvent[] = [];
      const flushing: Promise<void>[] = [];
      for (const one of steps) {
        if ('record' in one) for (let index = 0; index < one.times; index++) recorded.push(audit.record(one.record === 'message' ? message() : security())!);
        else if ('advance' in one) await clock.advance(one.advance);
        else flushing.push(audit.flush());
      }
      const drained = Promise.all([...flushing, audit.flush()]);
      let done = false;
      void drained.then(() => (done = true));
      while (!done) await clock.advance(5_000);
      // A statement may have failed at flush(): the next interval brings it.
      for (let round = 0; round < 40 && statedBy(statements(inner)) < leftOut(); round++) await clock.advance(1_000);

      const got = [...new Map(real(inner).map((event) => [event.id, event])).values()];
      const said = [...new Map(statements(inner).map((event) => [event.id, event])).values()];
      expect(got.length + statedBy(said)).toBe(recorded.filter(wanted).length);
      expect(statedBy(said)).toBe(leftOut());
      expect(new Set(got.map(({ sequence }) => sequence)).size).toBe(got.length);
      for (const { eventType, sequence } of recorded.filter(wanted)) if (eventType !== 'message') expect(got.some((event) => event.sequence === sequence)).toBe(true);
      const sequences = inner.events.map(({ sequence }) => sequence);
      // Of two samplers neither knows what the other has stated already.
      if (!batches && order !== 'sampling in sampling') expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
      await audit.close();
    }),
    { numRuns: 40 },
  );
});

test('a lane that counts by accepts() and one that does not come to the same', async () => {
  const [one, other] = [new RecordingAdapter(), new RecordingAdapter()];
  const sampling = new SamplingAdapter(other, { rate: 0.25, clock: new FakeClock() });
  // A wrapper of the user's own, as the guide has them: just logEvent.
  const plain = { logEvent: (event: MeshAuditEvent) => sampling.logEvent(event) };
  const audit = new AuditLogger({ adapters: [new SamplingAdapter(one, { rate: 0.25, clock: new FakeClock() }), plain], clock: new FakeClock(), logger: silentLogger });
  for (let index = 0; index < 400; index++) audit.record(message());
  await audit.close();
  await sampling.close();
  await turns();
  expect(real(one).map(({ id }) => id)).toEqual(real(other).map(({ id }) => id));
  expect(statedBy(statements(one))).toBe(statedBy(statements(other)));
  const [asked, told] = audit.stats().adapters;
  expect(asked).toMatchObject({ emitted: 400, filtered: statedBy(statements(one)), delivered: real(one).length });
  expect(told).toMatchObject({ emitted: 400, filtered: 0, delivered: 400 });
});

test('invalid options are reported all at once', () => {
  for (const rate of [-0.1, 1.1, NaN, '0.5', undefined]) expect(() => new SamplingAdapter(new RecordingAdapter(), { rate: rate as number })).toThrow(/^invalid_option: rate: must be a number from 0 to 1/);
  expect(() => new SamplingAdapter({} as never, { rate: 2, seed: 7 as never, intervalMs: 0, interval: 5 } as never)).toThrow(/inner: .*; interval: .*; rate: .*; seed: .*; intervalMs: /);
  expect(() => new SamplingAdapter(new RecordingAdapter(), undefined as never)).toThrow(/options: must be an object/);
});
