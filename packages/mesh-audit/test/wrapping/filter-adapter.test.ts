import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../../src/audit-logger.js';
import { FilterAdapter } from '../../src/wrapping/filter-adapter.js';
import { message, RecordingAdapter, RecordingLogger, security } from '../support.js';
import { BatchingAdapter, eventOf, FullAdapter } from './support.js';

const mixed = [eventOf(1), eventOf(2, 'connection'), eventOf(3, 'error'), eventOf(4)];

describe('FilterAdapter', () => {
  test('gives the inner adapter the types named, one by one or in batches', async () => {
    const single = new RecordingAdapter();
    const filter = new FilterAdapter(single, ['connection', 'error']);
    expect(mixed.map((event) => filter.accepts(event))).toEqual([false, true, true, false]);
    for (const event of mixed) await filter.logEvent(event);
    expect(single.sequences).toEqual([2, 3]);

    const batching = new BatchingAdapter();
    await new FilterAdapter(batching, ['connection', 'error']).logEvents!(mixed, { signal: new AbortController().signal });
    expect(batching.sequences).toEqual([2, 3]);
    expect(batching.batches).toBe(1);
  });

  test('a batch of which nothing passes does not reach the inner adapter', async () => {
    const batching = new BatchingAdapter();
    await new FilterAdapter(batching, ['system']).logEvents!(mixed, { signal: new AbortController().signal });
    expect(batching.batches).toBe(0);
  });

  test('a function decides; where it throws or answers no boolean the event passes, with a warning', async () => {
    const logger = new RecordingLogger();
    const inner = new RecordingAdapter();
    const answers: unknown[] = [false, true, 'yes', Promise.reject(new Error('async'))];
    const filter = new FilterAdapter(
      inner,
      (event) => {
        if (event.sequence === 5) throw new Error('broken');
        return answers[event.sequence - 1] as boolean;
      },
      { logger, clock: new FakeClock() },
    );
    for (let sequence = 1; sequence <= 5; sequence++) await filter.logEvent(eventOf(sequence));
    expect(inner.sequences).toEqual([2, 3, 4, 5]);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('filter') });
  });

  test('records of events that are missing pass whatever the filter says', async () => {
    const inner = new RecordingAdapter();
    const filter = new FilterAdapter(inner, ['message']);
    await filter.logEvent(eventOf(1, 'system', { action: 'audit.gap' }));
    await filter.logEvent(eventOf(2, 'system', { action: 'audit.sampled' }));
    await filter.logEvent(eventOf(3, 'system', { action: 'audit.checkpoint' }));
    await filter.logEvent(eventOf(4, 'connection', { action: 'audit.gap' }));
    expect(inner.sequences).toEqual([1, 2]);
  });

  test('asks the inner adapter too, which gets what it cannot say', async () => {
    const inner = Object.assign(new RecordingAdapter(), {
      accepts: (event: MeshAuditEvent): boolean => {
        if (event.sequence === 3) throw new Error('odd');
        return event.sequence !== 2;
      },
    });
    const filter = new FilterAdapter(inner, ['connection', 'error']);
    expect(mixed.map((event) => filter.accepts(event))).toEqual([false, false, true, false]);
    for (const event of mixed) await filter.logEvent(event);
    expect(inner.sequences).toEqual([3]);
  });

  test('in a lane, what it keeps back counts as filtered', async () => {
    const inner = new RecordingAdapter('sink');
    const audit = new AuditLogger({ adapters: [new FilterAdapter(inner, ['connection'])], clock: new FakeClock(), logger: new RecordingLogger() });
    for (let index = 0; index < 5; index++) audit.record(index === 2 ? security() : message());
    await audit.close();
    expect(inner.sequences).toEqual([3]);
    expect(audit.stats().adapters[0]).toMatchObject({ adapter: 'filter:sink', emitted: 5, filtered: 4, delivered: 1 });
  });

  test('invalid arguments are reported all at once', () => {
    expect(() => new FilterAdapter({} as MonitoringAdapter, ['nothing' as never], { log: 1 } as never)).toThrow(
      /^invalid_option: inner: .*logEvent.*; filter\[0\]: must be one of connection, .*; log: is not an option/,
    );
    expect(() => new FilterAdapter(new RecordingAdapter(), 'message' as never)).toThrow(MeshError);
  });
});

describe('any wrapping adapter', () => {
  const all = { signal: new AbortController().signal };

  test('offers batches and metrics only where the inner adapter takes them', () => {
    const plain = new FilterAdapter(new RecordingAdapter(), () => true);
    expect([plain.logEvents, plain.logMetrics, plain.durable, plain.name]).toEqual([undefined, undefined, false, 'filter:recording']);
    const full = new FilterAdapter(new FilterAdapter(new FullAdapter('full'), () => true), () => true);
    expect([typeof full.logEvents, typeof full.logMetrics, full.durable, full.name]).toEqual(['function', 'function', true, 'filter:filter:full']);
  });

  test('forwards the life cycle, and resolves where the inner adapter has none', async () => {
    const inner = new FullAdapter();
    const outer = new FilterAdapter(new FilterAdapter(inner, () => true), () => true);
    await outer.start({} as never);
    await outer.logMetrics!({} as never);
    await outer.flush();
    await outer.close();
    expect(inner.calls).toEqual(['start', 'logMetrics', 'flush', 'close']);

    const plain = new FilterAdapter(new RecordingAdapter(), () => true);
    await plain.start({} as never);
    await plain.flush();
    await plain.close();
  });

  test('hands on batch, signal and failure as they are', async () => {
    const failure = new MeshError('queue_full', 'busy', { retryAfterMs: 5 });
    let seen: unknown;
    const inner = {
      logEvent: () => Promise.reject(failure),
      logEvents: (_events: readonly MeshAuditEvent[], options: unknown) => {
        seen = options;
        throw failure;
      },
    };
    const filter = new FilterAdapter(inner, () => true);
    await expect(filter.logEvents!(mixed, all)).rejects.toBe(failure);
    expect(seen).toBe(all);
    await expect(filter.logEvent(mixed[0]!)).rejects.toBe(failure);
  });

  test('an inner adapter that takes events one by one gets each exactly once, whichever fails for a while', async () => {
    let failed = false;
    const inner = new RecordingAdapter('one by one', (event) => {
      if (event.sequence !== 3 || failed) return;
      failed = true;
      throw new Error('for now');
    });
    const clock = new FakeClock();
    const audit = new AuditLogger({ adapters: [new FilterAdapter(inner, () => true)], clock, logger: new RecordingLogger() });
    for (let index = 0; index < 5; index++) audit.record(security());
    const closing = audit.close();
    await clock.advance(5_000);
    await closing;
    expect(failed).toBe(true);
    expect(inner.sequences).toEqual([1, 2, 3, 4, 5]);
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 5, failures: 1 });
  });
});
