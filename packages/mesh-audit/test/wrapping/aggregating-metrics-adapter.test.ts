import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { AuditLogger } from '../../src/audit-logger.js';
import { AggregatingMetricsAdapter, type AggregatingMetricsAdapterOptions, type MetricsSummary } from '../../src/wrapping/aggregating-metrics-adapter.js';
import { FilterAdapter } from '../../src/wrapping/filter-adapter.js';
import { SamplingAdapter } from '../../src/wrapping/sampling-adapter.js';
import { message, never, RecordingLogger, security } from '../support.js';
import { eventOf } from './support.js';

function aggregating(options: Partial<AggregatingMetricsAdapterOptions> = {}) {
  const clock = new FakeClock(0);
  const summaries: MetricsSummary[] = [];
  const adapter = new AggregatingMetricsAdapter({ send: (summary) => void summaries.push(summary), clock, logger: silentLogger, ...options });
  return { clock, summaries, adapter };
}

describe('a summary', () => {
  test('counts by type, action and outcome, durations in percentiles', async () => {
    const { clock, summaries, adapter } = aggregating({ intervalMs: 1_000 });
    await clock.advance(500);
    for (let duration = 1; duration <= 100; duration++) await adapter.logEvent(eventOf(duration, 'message', { duration }));
    await adapter.logEvents([eventOf(101, 'message', { action: 'message.failed', success: false }), eventOf(102, 'connection', { action: 'auth.failed', success: false, duration: 0 })]);
    await adapter.logEvents([]);
    await clock.advance(999);
    expect(summaries).toEqual([]);
    await clock.advance(1);
    expect(summaries).toEqual([
      {
        serviceId: 'order-service', from: new Date(500), to: new Date(1_500), events: 102, failures: 2, failedSends: 0,
        groups: [
          { eventType: 'message', action: 'message.sent', success: true, count: 100, duration: expect.objectContaining({ count: 100, min: 1, max: 100, mean: 50.5 }) },
          { eventType: 'message', action: 'message.failed', success: false, count: 1 },
          { eventType: 'connection', action: 'auth.failed', success: false, count: 1, duration: { count: 1, min: 0, max: 0, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0 } },
        ],
      },
    ]);
    const { p50, p90, p95, p99 } = summaries[0]!.groups[0]!.duration!;
    for (const [estimate, exact] of [[p50, 50], [p90, 90], [p95, 95], [p99, 99]] as const) expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(exact / 100);
    expect(Object.isFrozen(summaries[0])).toBe(true);
  });

  test('goes out every interval in which there was an event, at flush() and at close()', async () => {
    const { clock, summaries, adapter } = aggregating();
    await adapter.flush();
    await clock.advance(600_000);
    expect(clock.pendingTimers).toBe(0);
    for (let round = 0; round < 3; round++) {
      await adapter.logEvent(eventOf(round));
      await clock.advance(60_000);
    }
    expect(summaries.map(({ events }) => events)).toEqual([1, 1, 1]);
    await adapter.logEvent(eventOf(4));
    await adapter.flush();
    await adapter.logEvent(eventOf(5));
    await adapter.close();
    await adapter.close();
    expect(summaries.map(({ events }) => events)).toEqual([1, 1, 1, 1, 1]);
    expect(clock.pendingTimers).toBe(0);
    await expect(adapter.logEvent(eventOf(6))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  });

  test('goes to an object\'s send, called as its method, at the guide\'s interval', async () => {
    class Service {
      readonly got: MetricsSummary[] = [];
      send(summary: MetricsSummary): Promise<void> {
        this.got.push(summary);
        return Promise.resolve();
      }
    }
    const metricsService = new Service();
    const clock = new FakeClock();
    const adapter = new AggregatingMetricsAdapter({ send: metricsService, interval: 5_000, clock });
    await adapter.logEvent(eventOf(1));
    await clock.advance(5_000);
    expect(metricsService.got).toHaveLength(1);
  });

  test('has a bounded number of groups, the rest by outcome', async () => {
    const { summaries, adapter } = aggregating({ maxGroups: 2 });
    for (let index = 0; index < 50; index++) await adapter.logEvent(eventOf(index, 'error', { action: `made up ${index}`, success: index % 5 === 0, duration: index }));
    await adapter.flush();
    expect(summaries[0]!.groups).toMatchObject([
      { eventType: '_OTHER', action: '_OTHER', success: false, count: 39, duration: { count: 39 } },
      { eventType: '_OTHER', action: '_OTHER', success: true, count: 9 },
      { action: 'made up 0', count: 1 },
      { action: 'made up 1', count: 1 },
    ]);
  });
});

describe('sending that fails', () => {
  test('keeps the numbers for the next summary', async () => {
    const logger = new RecordingLogger();
    let down = true;
    const { clock, summaries, adapter } = aggregating({
      logger, intervalMs: 1_000,
      send: (summary) => {
        if (down) throw new Error('no route');
        summaries.push(summary);
      },
    });
    await adapter.logEvent(eventOf(1, 'message', { duration: 10 }));
    await clock.advance(1_000);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { error: expect.stringContaining('no route') } }]);
    await adapter.logEvent(eventOf(2, 'message', { duration: 30 }));
    await expect(adapter.flush()).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
    down = false;
    await clock.advance(1_000);
    expect(summaries).toMatchObject([{ events: 2, failedSends: 2, from: new Date(0), to: new Date(2_000), groups: [{ count: 2, duration: { count: 2, min: 10, max: 30, mean: 20 } }] }]);
  });

  test('by hanging is a failure after its time; what comes meanwhile is counted', async () => {
    const { clock, summaries, adapter } = aggregating({
      intervalMs: 1_000, sendTimeoutMs: 300,
      send: (summary) => {
        summaries.push(summary);
        return summaries.length === 1 ? never() : undefined;
      },
    });
    await adapter.logEvent(eventOf(1));
    await clock.advance(1_000);
    await adapter.logEvent(eventOf(2));
    await clock.advance(1_300);
    expect(summaries.map(({ events, failedSends }) => [events, failedSends])).toEqual([[1, 0], [2, 1]]);
  });

  test('flush() waits for a send under way and sends what came since', async () => {
    let finish = (): void => undefined;
    const { clock, summaries, adapter } = aggregating({
      intervalMs: 1_000,
      send: (summary) => {
        summaries.push(summary);
        return summaries.length === 1 ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
      },
    });
    await adapter.logEvent(eventOf(1));
    await clock.advance(1_000);
    await adapter.logEvent(eventOf(2));
    let flushed = false;
    const flushing = adapter.flush().then(() => (flushed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(flushed).toBe(false);
    finish();
    await flushing;
    expect(summaries.map(({ events }) => events)).toEqual([1, 1]);
  });

  test('at close() is said, with how much is lost', async () => {
    const { adapter, clock } = aggregating({ send: () => Promise.reject(new Error('gone')) });
    for (let index = 0; index < 3; index++) await adapter.logEvent(eventOf(index));
    await expect(adapter.close()).rejects.toMatchObject({ reason: 'adapter_failed', message: expect.stringMatching(/the numbers of 3 events were not sent: .*gone/) });
    expect(clock.pendingTimers).toBe(0);
  });
});

test('under any stream and failures every event is in exactly one summary that was taken, within the bound of groups', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ action: fc.constantFrom('a', 'b', 'c', 'd'), success: fc.boolean(), times: fc.integer({ min: 1, max: 9 }), duration: fc.option(fc.integer({ min: 0, max: 5_000 }), { nil: undefined }) }) },
    { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 2_500 }) }) },
    { weight: 1, arbitrary: fc.constant({ flush: true as const }) },
  );
  const answers = fc.array(fc.constantFrom('take', 'fail', 'hang', 'late'), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), answers, fc.integer({ min: 1, max: 8 }), async (steps, script, maxGroups) => {
      const clock = new FakeClock();
      const taken: MetricsSummary[] = [];
      let next = 0;
      const adapter = new AggregatingMetricsAdapter({
        intervalMs: 1_000, sendTimeoutMs: 200, maxGroups, clock, logger: silentLogger,
        send: async (summary) => {
          const answer = script[next++];
          if (answer === 'fail') throw new Error('down');
          if (answer === 'hang') return never();
          if (answer === 'late') await new Promise<void>((resolve) => void clock.setTimeout(resolve, 100));
          taken.push(summary);
        },
      });
      let sequence = 0;
      let failed = 0;
      let timed = 0;
      for (const one of steps) {
        if ('advance' in one) await clock.advance(one.advance);
        else if ('flush' in one) void adapter.flush().catch(() => undefined);
        else {
          const { action, success, times, duration } = one;
          await adapter.logEvents(Array.from({ length: times }, () => eventOf(++sequence, 'message', { action, success, ...(duration === undefined ? {} : { duration }) })));
          if (!success) failed += times;
          if (duration !== undefined) timed += times;
        }
      }
      // Answers have run out: from here on everything is taken.
      await clock.advance(30_000);
      await adapter.close();
      const sum = (count: (summary: MetricsSummary) => number): number => taken.reduce((total, summary) => total + count(summary), 0);
      expect(sum(({ events }) => events)).toBe(sequence);
      expect(sum(({ failures }) => failures)).toBe(failed);
      expect(sum(({ groups }) => groups.reduce((total, { count }) => total + count, 0))).toBe(sequence);
      expect(sum(({ groups }) => groups.reduce((total, { duration }) => total + (duration?.count ?? 0), 0))).toBe(timed);
      for (const { groups } of taken) expect(groups.length).toBeLessThanOrEqual(maxGroups + 2);
    }),
    { numRuns: 80 },
  );
});

test('within filters and samplers, in a lane, in batches', async () => {
  const { clock, summaries, adapter } = aggregating();
  const audit = new AuditLogger({ adapters: [new FilterAdapter(new SamplingAdapter(adapter, { rate: 0, clock }), ['message', 'connection'])], clock, logger: silentLogger });
  for (let index = 0; index < 30; index++) audit.record(index % 3 === 0 ? security() : message());
  audit.record({ eventType: 'system', details: { action: 'system.start', success: true } });
  await audit.close();
  const counts = summaries.flatMap(({ groups }) => groups.map(({ action, count }) => [action, count]));
  expect(counts).toEqual([['auth.failed', 10], ['audit.sampled', 1]]);
  expect(adapter.name).toBe('aggregating-metrics');
});

test('invalid options are reported all at once', () => {
  expect(() => new AggregatingMetricsAdapter({ send: {}, intervalMs: 0, maxGroups: 0, sendTimeoutMs: NaN, every: 5 } as never)).toThrow(MeshError);
  expect(() => new AggregatingMetricsAdapter({ send: {}, intervalMs: 0, maxGroups: 0, sendTimeoutMs: NaN, every: 5 } as never)).toThrow(
    /every: is not an option.*; send: .*; intervalMs: .*; maxGroups: .*; sendTimeoutMs: /,
  );
  expect(() => new AggregatingMetricsAdapter({ send: () => undefined, intervalMs: 5, interval: 5 })).toThrow(/interval: is the same as intervalMs/);
});
