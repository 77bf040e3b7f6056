import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type AdapterContext, type ManagedAdapter, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import type { AuditLoggerOptions } from '../src/audit-options.js';
import { FilterAdapter } from '../src/wrapping/filter-adapter.js';
import { never, RecordingAdapter, RecordingLogger } from './support.js';

const clock = new FakeClock();
const logger = new RecordingLogger();
const open: AuditLogger[] = [];
let read = 0;

afterEach(async () => {
  for (const one of open.splice(0)) {
    const closed = one.close();
    await clock.advance(60_000);
    await closed;
  }
  expect(clock.pendingTimers).toBe(0);
  logger.lines.length = 0;
  read = 0;
});

const context: AdapterContext = {
  serviceId: 'order-service',
  logger,
  clock,
  paths: { keysDir: '/k', logsDir: '/l', runtimeDir: '/r' },
  metrics: () => ({ timestamp: clock.now(), retries: ++read }) as MetricsSnapshot,
  emit: () => undefined,
};

class Metered extends RecordingAdapter {
  readonly snapshots: MetricsSnapshot[] = [];
  readonly metricsOnly: boolean;
  running = 0;
  most = 0;
  take: () => Promise<void> | void;

  constructor(take: () => Promise<void> | void = () => undefined, metricsOnly = false) {
    super('metered');
    this.metricsOnly = metricsOnly;
    this.take = take;
  }

  async logMetrics(metrics: MetricsSnapshot): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    try {
      await this.take();
      this.snapshots.push(metrics);
    } finally {
      this.running--;
    }
  }
}

async function started(adapters: readonly ManagedAdapter[], options: Omit<AuditLoggerOptions, 'adapters'> = {}): Promise<AuditLogger> {
  const audit = new AuditLogger({ serviceId: 'order-service', clock, logger, ...options, adapters });
  open.push(audit);
  await audit.start(context);
  return audit;
}

const warnings = (): string[] => logger.lines.filter(({ level, message }) => level === 'warn' && message.includes('logMetrics()')).map(({ fields }) => String(fields?.['error']));

describe('an adapter with logMetrics', () => {
  test.each([['that takes events', false], ['that takes none', true]])('%s gets a snapshot every 10 s, until it is closed', async (_name, metricsOnly) => {
    const adapter = new Metered(undefined, metricsOnly);
    const beganAt = clock.now();
    const audit = await started([adapter]);
    await clock.advance(9_999);
    expect(adapter.snapshots).toEqual([]);
    await clock.advance(20_001);
    expect(adapter.snapshots.map(({ timestamp }) => timestamp - beganAt)).toEqual([10_000, 20_000, 30_000]);
    await audit.close();
    await clock.advance(60_000);
    expect(adapter.snapshots).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);
  });

  test('gets it as often as metricsIntervalMs says, also behind a wrapping adapter', async () => {
    const adapter = new Metered();
    await started([new FilterAdapter(adapter, () => true)], { metricsIntervalMs: 250 });
    await clock.advance(1_000);
    expect(adapter.snapshots).toHaveLength(4);
  });

  test('gets it where audit is switched off, and is closed', async () => {
    const adapter = new Metered();
    let closed = 0;
    Object.assign(adapter, { start: () => Promise.reject(new Error('not started here')), close: () => Promise.resolve(void closed++) });
    const audit = await started([adapter], { enabled: false });
    await clock.advance(20_000);
    expect([adapter.snapshots.length, adapter.events.length]).toEqual([2, 0]);
    expect(logger.lines).toEqual([]);
    await audit.close();
    expect([closed, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('gets it also where it could not start, once that has failed', async () => {
    const adapter = Object.assign(new Metered(), { start: never });
    const starting = started([adapter]);
    await clock.advance(19_999);
    expect(adapter.snapshots).toEqual([]);
    await clock.advance(1);
    expect(adapter.snapshots).toHaveLength(1);
    await starting;
  });

  test('that is slow has one at a time: those that fall due meanwhile are left out, and another adapter misses none', async () => {
    const slow = new Metered(() => new Promise((resolve) => void clock.setTimeout(resolve, 2_500)));
    const other = new Metered();
    await started([slow, other], { metricsIntervalMs: 1_000 });
    await clock.advance(10_000);
    expect([slow.most, slow.snapshots.length, other.snapshots.length]).toEqual([1, 3, 10]);
    expect(warnings()).toEqual([]);
  });

  test('that hangs has failed after its time, and gets the next; close() waits for it no longer than that', async () => {
    let hangs = true;
    const adapter = new Metered(() => (hangs ? never() : undefined));
    const audit = await started([adapter], { metricsIntervalMs: 1_000, deliveryTimeoutMs: 3_500 });
    await clock.advance(4_500);
    expect(warnings()).toEqual([expect.stringContaining('logMetrics() did not finish within 3500 ms')]);
    hangs = false;
    await clock.advance(500);
    expect(adapter.snapshots).toHaveLength(1);
    hangs = true;
    await clock.advance(1_000);
    let closed = false;
    const closing = audit.close().then(() => (closed = true));
    await clock.advance(3_499);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect(closed).toBe(true);
    await closing;
  });

  test('that throws or rejects is warned of once until it works again; its events go on', async () => {
    let trouble: (() => Promise<void>) | undefined = () => {
      throw new Error('no disk');
    };
    const adapter = new Metered(() => trouble?.());
    const audit = await started([adapter]);
    await clock.advance(40_000);
    expect(warnings()).toEqual([expect.stringContaining('no disk')]);
    audit.record({ eventType: 'system', details: { action: 'system.start', success: true } });
    await audit.flush();
    expect(adapter.events.map(({ details }) => details.action)).toContain('system.start');
    trouble = undefined;
    await clock.advance(10_000);
    expect(logger.lines.map(({ message }) => message)).toContain('audit adapter metered: takes metrics again');
    trouble = () => Promise.reject(new Error('again'));
    await clock.advance(20_000);
    expect(warnings()).toEqual([expect.stringContaining('no disk'), expect.stringContaining('again')]);
  });
});

test('where no adapter takes metrics none are read, and no timer runs', async () => {
  await started([new RecordingAdapter()]);
  expect(clock.pendingTimers).toBe(0);
  await clock.advance(60_000);
  expect(read).toBe(0);
});

test('an audit logger that has no metrics to give gives none', async () => {
  const adapter = new Metered();
  const audit = new AuditLogger({ clock, logger, adapters: [adapter] });
  open.push(audit);
  await audit.start();
  await clock.advance(30_000);
  expect(adapter.snapshots).toEqual([]);
});

test.each([0, -1, 1.5, Number.NaN, '10'])('metricsIntervalMs of %p is refused by its path', (metricsIntervalMs) => {
  expect(() => new AuditLogger({ adapters: [], metricsIntervalMs: metricsIntervalMs as number })).toThrow(
    expect.objectContaining({ reason: 'invalid_option', details: { problems: [expect.stringMatching(/^metricsIntervalMs: /)] } }),
  );
});
