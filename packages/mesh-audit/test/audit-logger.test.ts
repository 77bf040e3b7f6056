import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type AdapterContext, type ManagedAdapter, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import type { AuditLoggerOptions } from '../src/audit-options.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from './support.js';

const UNKEPT = 'audit events are promised durable, but no adapter is and there is no spill: what waits is lost with the process';
const open: AuditLogger[] = [];
const clock = new FakeClock();
const logger = new RecordingLogger();

function auditLogger(adapters: readonly MonitoringAdapter[], options: Omit<AuditLoggerOptions, 'adapters'> = {}): AuditLogger {
  const made = new AuditLogger({ serviceId: 'order-service', clock, logger, ...options, adapters });
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const one of open.splice(0)) {
    const closed = one.close();
    await clock.advance(60_000);
    await closed;
  }
  logger.lines.length = 0;
  expect(clock.pendingTimers).toBe(0);
});

const context: AdapterContext = {
  serviceId: 'order-service',
  logger,
  clock,
  paths: { keysDir: '/k', logsDir: '/l', runtimeDir: '/r' },
  metrics: () => {
    throw new Error('not asked for here');
  },
  emit: () => {
    throw new Error('not asked for here');
  },
};

describe('record', () => {
  test('regression: an adapter is called as part of no call, whoever recorded the event', async () => {
    const calls = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const audit = auditLogger([{ logEvent: async () => void seen.push(calls.getStore()) }]);
    calls.run('a call', () => audit.record(message()));
    await calls.run('another', () => audit.log(message()));
    expect(seen).toEqual([undefined, undefined]);
  });

  test('stamps, redacts, freezes and delivers in order', async () => {
    const sink = new RecordingAdapter();
    const audit = auditLogger([sink]);
    const first = audit.record({
      eventType: 'connection',
      targetServiceId: 'payment-service',
      details: { action: 'auth.failed', success: false, duration: 3, messageCount: 2, error: 'peer_untrusted: no', metadata: { password: 'canary', method: 'm' } },
      trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
    });
    expect(first).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{14}7/),
      sequence: 1,
      timestamp: new Date(clock.now()),
      eventType: 'connection',
      serviceId: 'order-service',
      targetServiceId: 'payment-service',
      details: { action: 'auth.failed', success: false, duration: 3, messageCount: 2, error: 'peer_untrusted: no', metadata: { password: '[redacted]', method: 'm' } },
      trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
    });
    const second = audit.record(message());
    expect(Object.keys(second!)).toEqual(['id', 'sequence', 'timestamp', 'eventType', 'serviceId', 'details']);
    expect(Object.keys(second!.details)).toEqual(['action', 'success']);
    for (const part of [first, first!.details, first!.details.metadata, first!.trace]) expect(Object.isFrozen(part)).toBe(true);
    await audit.flush();
    expect(sink.events).toEqual([first, second]);
    expect(sink.events[0]!.details).toBe(first!.details);
  });

  test('does not freeze or keep what the caller passed', () => {
    const metadata = { list: [1] };
    const details = { action: 'a', success: true, metadata };
    const event = auditLogger([new RecordingAdapter()]).record({ eventType: 'system', details });
    metadata.list.push(2);
    expect(event?.details.metadata).toEqual({ list: [1] });
    expect(Object.isFrozen(details)).toBe(false);
  });

  test('caps texts that a peer may have made long', () => {
    const event = auditLogger([new RecordingAdapter()]).record({
      eventType: 'error',
      targetServiceId: 'x'.repeat(1_000_000),
      details: { action: 'a'.repeat(1_000_000), success: false, error: 'e'.repeat(1_000_000) },
    });
    expect(JSON.stringify(event).length).toBeLessThan(10_000);
    expect(event?.details.error).toMatch(/…\[\+991808 chars\]$/);
  });

  test('is synchronous: no adapter is called before it returns', () => {
    const sink = new RecordingAdapter();
    let called = false;
    sink.answer = () => {
      called = true;
    };
    auditLogger([sink]).record(security());
    expect(called).toBe(false);
  });

  test('never throws and uses up no sequence number for what is no event', () => {
    const audit = auditLogger([new RecordingAdapter()]);
    expect(audit.record(undefined as never)).toBeUndefined();
    expect(audit.record({ eventType: 'system' } as never)).toBeUndefined();
    expect(audit.record({ eventType: 'system', details: { action: 3, success: true } } as never)).toBeUndefined();
    expect(audit.record(security())?.sequence).toBe(1);
    expect(logger.lines).toHaveLength(1);
  });

  test('nobody listens: nothing is done', async () => {
    const sink = new RecordingAdapter();
    for (const audit of [auditLogger([]), auditLogger([sink], { enabled: false })]) {
      expect(audit.enabled).toBe(false);
      expect(audit.record(security())).toBeUndefined();
      await audit.log(security());
      expect(audit.stats().emitted).toBe(0);
    }
    expect(sink.events).toEqual([]);
    const closed = auditLogger([sink]);
    expect(closed.enabled).toBe(true);
    await closed.close();
    expect(closed.enabled).toBe(false);
    expect(closed.record(security())).toBeUndefined();
    await expect(closed.log(security())).rejects.toMatchObject({ reason: 'mesh_closed' });
  });

  test('a logger that throws reaches nobody', async () => {
    const bad = () => {
      throw new Error('the operational log is broken');
    };
    const audit = auditLogger([new RecordingAdapter('failing', () => Promise.reject(new Error('down')))], {
      logger: { debug: bad, info: bad, warn: bad, error: bad },
      laneEvents: 1,
    });
    for (let index = 0; index < 5; index++) expect(audit.record(security())).toBeDefined();
    expect(audit.record(undefined as never)).toBeUndefined();
    await audit.start({ ...context, logger: { debug: bad, info: bad, warn: bad, error: bad } });
    await turns();
    expect(audit.stats().adapters[0]).toMatchObject({ emitted: 6, dropped: 5, queued: 1, failures: 1 });
  });
});

describe('filter', () => {
  test('by type and by function; what it keeps back is counted, and its sequence number used up', async () => {
    const byType = new RecordingAdapter();
    const byFunction = new RecordingAdapter();
    const first = auditLogger([byType], { events: ['connection', 'error'] });
    const second = auditLogger([byFunction], { events: (event) => !event.details.action.startsWith('message.') });
    for (const audit of [first, second]) {
      audit.record(message());
      audit.record(security());
      await audit.log(message());
      await audit.flush();
      expect(audit.stats().adapters[0]).toMatchObject({ emitted: 3, filtered: 2, delivered: 1 });
    }
    expect(byType.sequences).toEqual([2]);
    expect(byFunction.sequences).toEqual([2]);
  });

  test('one that throws lets events pass, with a warning', async () => {
    const sink = new RecordingAdapter();
    const audit = auditLogger([sink], {
      events: () => {
        throw new Error('bug');
      },
    });
    audit.record(security());
    audit.record(security());
    await audit.flush();
    expect(sink.sequences).toEqual([1, 2]);
    expect(logger.lines).toHaveLength(1);
  });
});

describe('regression: a user callback that is async and rejects ends no process', () => {
  // Jest fails the test itself on an unhandled rejection only at the end of the file: count them here.
  const unhandled: unknown[] = [];
  const count = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', count);
  });
  afterEach(async () => {
    await turns();
    process.off('unhandledRejection', count);
    expect(unhandled).toEqual([]);
  });

  test.each([
    ['a promise that rejects', () => Promise.reject(new Error('bug'))],
    ['a promise of false', () => Promise.resolve(false)],
    ['a thenable that throws', () => ({ then: () => { throw new Error('bug'); } })],
    ['nothing', () => undefined],
    ['0', () => 0],
  ])('a filter that answers %s: the event passes, with one warning', async (_what, filter) => {
    const sink = new RecordingAdapter();
    const audit = auditLogger([sink], { events: filter as never });
    audit.record(security());
    audit.record(security());
    await audit.flush();
    expect(sink.sequences).toEqual([1, 2]);
    expect(logger.lines.map(({ message: text }) => text)).toEqual(['the audit event filter must answer true or false: events pass unfiltered']);
  });

  test('a logger', async () => {
    const bad = (): Promise<void> => Promise.reject(new Error('the operational log is broken'));
    const audit = auditLogger([new RecordingAdapter('failing', () => Promise.reject(new Error('down')))], { logger: { debug: bad, info: bad, warn: bad, error: bad } });
    audit.record(security());
    await turns();
    expect(audit.stats().adapters[0]).toMatchObject({ failures: 1 });
  });

  test('a toJSON in metadata', () => {
    const metadata = { late: { toJSON: () => Promise.reject(new Error('bug')) } };
    expect(auditLogger([new RecordingAdapter()]).record({ eventType: 'system', details: { action: 'a', success: true, metadata } })?.details.metadata).toEqual({ late: {} });
  });
});

describe('an observer', () => {
  test('sees what adapters get, redacted and frozen, also where there is none; it is no adapter', async () => {
    const seen: MeshAuditEvent[] = [];
    const logger = auditLogger([], { observer: (event) => void seen.push(event), events: ['system'] });
    expect(logger.enabled).toBe(true);
    logger.record({ eventType: 'system', details: { action: 'custom.thing', success: true, metadata: { password: 'horse' } } });
    await logger.log({ eventType: 'system', details: { action: 'custom.thing', success: true } });
    logger.record({ eventType: 'error', details: { action: 'left.out', success: false } });
    expect(seen.map(({ sequence, details }) => [sequence, details.action])).toEqual([[1, 'custom.thing'], [2, 'custom.thing']]);
    expect([Object.isFrozen(seen[0]), JSON.stringify(seen).includes('horse'), logger.stats()]).toEqual([true, false, { emitted: 3, adapters: [] }]);
  });

  test('none with audit switched off, and no promise is warned of on its behalf', async () => {
    const seen: MeshAuditEvent[] = [];
    const observer = (event: MeshAuditEvent): void => void seen.push(event);
    auditLogger([], { observer, enabled: false }).record({ eventType: 'system', details: { action: 'custom.thing', success: true } });
    expect(seen).toEqual([]);
    await auditLogger([], { observer }).start(context);
    expect([seen.map(({ details }) => details.action), logger.lines]).toEqual([['audit.start'], []]);
  });
});

describe('log', () => {
  test('resolves when every adapter has the event', async () => {
    let release: () => void = () => undefined;
    const slow = new RecordingAdapter('slow', () => new Promise((resolve) => (release = resolve)));
    const audit = auditLogger([new RecordingAdapter('quick'), slow]);
    let logged = false;
    const logging = audit.log(security()).then(() => (logged = true));
    await turns();
    expect(logged).toBe(false);
    release();
    await logging;
    expect(slow.sequences).toEqual([1]);
  });

  test('rejects with the adapter\'s error when it refuses, with the last one when tries are used up, and when the lane is full', async () => {
    const refusing = auditLogger([new RecordingAdapter('refusing', () => Promise.reject(new MeshError('invalid_option', 'no such index', { retryable: false })))]);
    await expect(refusing.log(security())).rejects.toMatchObject({ reason: 'invalid_option' });

    const failing = auditLogger([new RecordingAdapter('failing', () => Promise.reject(new Error('down')))], { attempts: 3 });
    const failed = expect(failing.log(security())).rejects.toMatchObject({ reason: 'adapter_failed', code: 'UNAVAILABLE' });
    await clock.advance(60_000);
    await failed;

    const hanging = auditLogger([new RecordingAdapter('hanging', never)], { attempts: 1, laneEvents: 1 });
    const hung = expect(hanging.log(security())).rejects.toMatchObject({ reason: 'adapter_timeout' });
    await expect(hanging.log(security())).rejects.toMatchObject({ reason: 'queue_full' });
    await clock.advance(10_000);
    await hung;
    await expect(hanging.log(undefined as never)).rejects.toMatchObject({ name: 'MeshError' });
  });
});

describe('lanes', () => {
  test('an adapter that hangs, throws or rejects delays no other', async () => {
    const good = new RecordingAdapter('good');
    const throwing = { name: 'throwing', logEvent: () => { throw new Error('sync'); } };
    const audit = auditLogger([new RecordingAdapter('hanging', never), throwing as unknown as MonitoringAdapter, good]);
    for (let index = 0; index < 1_200; index++) audit.record(message());
    await turns();
    expect(good.events).toHaveLength(1_200);
    expect(audit.stats().adapters.map(({ adapter, delivered, queued }) => [adapter, delivered, queued])).toEqual([
      ['hanging', 0, 1_200],
      ['throwing', 0, 1_200],
      ['good', 1_200, 0],
    ]);
  });

  test('a hanging adapter has failed after the deadline, is tried again, and its late answer changes nothing', async () => {
    const answers: (() => void)[] = [];
    const sink = new RecordingAdapter('hanging', () => new Promise((resolve) => void answers.push(resolve)));
    const audit = auditLogger([sink], { deliveryTimeoutMs: 1_000, retryDelayMs: 100, attempts: 3 });
    audit.record(security());
    await clock.advance(999);
    expect(audit.stats().adapters[0]).toMatchObject({ failures: 0, queued: 1 });
    await clock.advance(1);
    expect(audit.stats().adapters[0]).toMatchObject({ failures: 1, queued: 1 });
    await clock.advance(120);
    await turns();
    expect(answers).toHaveLength(2);
    answers[0]!();
    await turns();
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 0, queued: 1 });
    answers[1]!();
    await turns();
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 1, queued: 0, failures: 1, lastSuccessAt: clock.now() });
  });

  test('the deadline is each event\'s own, not the batch\'s', async () => {
    const sink = new RecordingAdapter('slow', () => new Promise((resolve) => void clock.setTimeout(resolve, 800)));
    const audit = auditLogger([sink], { deliveryTimeoutMs: 1_000 });
    for (let index = 0; index < 5; index++) audit.record(security());
    for (let index = 0; index < 50; index++) await clock.advance(100);
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 5, failures: 0 });
  });

  test('retries go on where they stopped, in order, with growing jittered pauses; at the last try the event is a dead letter', async () => {
    const times: number[] = [];
    const sink = new RecordingAdapter('failing', (event) => {
      if (event.sequence !== 2) return;
      times.push(clock.monotonic());
      throw new Error('down');
    });
    const audit = auditLogger([sink], { attempts: 4, retryDelayMs: 1_000 });
    for (let index = 0; index < 3; index++) audit.record(security());
    for (let index = 0; index < 400; index++) await clock.advance(25);
    expect(times).toHaveLength(4);
    const pauses = times.slice(1).map((time, index) => time - times[index]!);
    pauses.forEach((pause, index) => {
      expect(pause).toBeGreaterThanOrEqual(800 * 2 ** index);
      expect(pause).toBeLessThanOrEqual(1_200 * 2 ** index + 50);
    });
    expect(sink.sequences).toEqual([1, 3]);
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 2, deadLettered: 1, failures: 4 });
    expect(logger.lines.map(({ message: text }) => text)).toEqual(['audit adapter failing failed', 'audit adapter failing will never get 1 event(s)']);
  });

  test('retryAfterMs is waited for', async () => {
    let tries = 0;
    const sink = new RecordingAdapter('busy', () => {
      if (++tries === 1) throw new MeshError('queue_full', 'busy', { retryAfterMs: 5_000 });
    });
    const audit = auditLogger([sink], { retryDelayMs: 1 });
    audit.record(security());
    await turns();
    await clock.advance(4_999);
    expect(tries).toBe(1);
    await clock.advance(1);
    await turns();
    expect(sink.sequences).toEqual([1]);
  });

  test('a permanent error costs the one event that is its reason, in a batch too', async () => {
    const taken: number[] = [];
    let calls = 0;
    const sink: ManagedAdapter = {
      name: 'batching',
      logEvent: never,
      logEvents: (events) => {
        calls++;
        if (events.some(({ sequence }) => sequence === 77)) return Promise.reject(new MeshError('body_invalid', 'poison', { retryable: false }));
        taken.push(...events.map(({ sequence }) => sequence));
        return Promise.resolve();
      },
    };
    const audit = auditLogger([sink], { batch: 128 });
    for (let index = 0; index < 300; index++) audit.record(message());
    await turns(80);
    expect(taken).toEqual(Array.from({ length: 300 }, (_, index) => index + 1).filter((sequence) => sequence !== 77));
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 299, deadLettered: 1, queued: 0 });
    expect(calls).toBeLessThan(40);
  });

  test.each(['sink_unauthenticated', 'sink_not_found'] as const)('%s is about no event: the batch is given up as a whole, without asking for each', async (reason) => {
    const refused: number[] = [];
    const sink: ManagedAdapter = {
      name: 'wrong-key',
      logEvent: never,
      logEvents: (events) => {
        refused.push(events.length);
        return Promise.reject(new MeshError(reason, 'wrong key', { retryable: false }));
      },
    };
    const audit = auditLogger([sink], { batch: 128 });
    for (let index = 0; index < 300; index++) audit.record(message());
    await turns(80);
    expect(refused).toEqual([128, 128, 44]);
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 0, deadLettered: 300, queued: 0, failing: true });
  });

  test('batches of what one turn brought; the signal tells of the deadline', async () => {
    const batches: number[] = [];
    const signals: AbortSignal[] = [];
    let hang = true;
    const sink: ManagedAdapter = {
      logEvent: never,
      logEvents: (events, { signal }) => {
        batches.push(events.length);
        signals.push(signal);
        return hang ? never() : Promise.resolve();
      },
    };
    const audit = auditLogger([sink], { batch: 100, deliveryTimeoutMs: 1_000 });
    for (let index = 0; index < 250; index++) audit.record(message());
    await turns();
    expect(signals[0]!.aborted).toBe(false);
    hang = false;
    await clock.advance(1_000);
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[0]!.reason).toMatchObject({ reason: 'adapter_timeout' });
    await clock.advance(1_000);
    await turns();
    expect(batches).toEqual([100, 100, 100, 50]);
    expect(signals[1]!.aborted).toBe(false);
  });

  test('a full lane drops messages before security events and tells of the gap when there is room', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const sink = new RecordingAdapter('gated', () => new Promise((resolve) => (gate.open = resolve)));
    const audit = auditLogger([sink], { laneEvents: 10, batch: 1 });
    for (let index = 0; index < 10; index++) audit.record(message());
    await turns();
    for (let index = 0; index < 5; index++) audit.record(security());
    for (let index = 0; index < 5; index++) audit.record(message());
    expect(audit.stats().adapters[0]).toMatchObject({ emitted: 20, queued: 10, dropped: 10 });
    sink.answer = () => undefined;
    gate.open();
    await turns(40);
    const gap = sink.events.find(({ details }) => details.action === 'audit.gap');
    expect(gap).toMatchObject({ eventType: 'system', serviceId: 'order-service', sequence: 20, details: { success: false } });
    expect(gap!.details.metadata).toEqual({ count: 10, fromSequence: 6, toSequence: 20 });
    expect(sink.sequences).toEqual([1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 20]);
    expect(audit.record(security())?.sequence).toBe(21);
    expect(audit.stats().adapters[0]).toMatchObject({ delivered: 10, dropped: 10 });
  });

  test('regression: a gap record that the adapter refuses, or that is still queued at the end, is counted', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const sink = new RecordingAdapter('gated', () => new Promise((resolve) => (gate.open = resolve)));
    const audit = auditLogger([sink], { laneEvents: 2 });
    for (let index = 0; index < 4; index++) audit.record(message());
    await turns();
    sink.answer = ({ details }) => {
      if (details.action === 'audit.gap') throw new MeshError('invalid_option', 'no such action', { retryable: false });
    };
    gate.open();
    await turns();
    expect(audit.stats().adapters[0]).toMatchObject({ emitted: 4, delivered: 2, dropped: 2, deadLettered: 0, lostGaps: 1, failures: 1 });

    const late = auditLogger([new RecordingAdapter('late', ({ details }) => (details.action === 'audit.gap' ? never() : undefined))], { laneEvents: 1, flushMs: 100 });
    for (let index = 0; index < 3; index++) late.record(message());
    await turns();
    const closing = late.close();
    await clock.advance(100);
    await closing;
    expect(late.stats().adapters[0]).toMatchObject({ emitted: 3, delivered: 1, dropped: 2, lostGaps: 1 });
  });

  test('stats tell of a lane that fails, waits or is full', async () => {
    const sink = new RecordingAdapter('sink', () => Promise.reject(new Error('down')));
    const audit = auditLogger([sink], { laneEvents: 10, deliveryTimeoutMs: 2_000, retryDelayMs: 60_000 });
    const stats = (): unknown => audit.stats().adapters[0];
    expect(stats()).toMatchObject({ failing: false, full: false, oldestQueuedMs: 0, deliveryTimeoutMs: 2_000 });
    audit.record(message());
    await clock.advance(700);
    expect(stats()).toMatchObject({ failing: true, full: false, oldestQueuedMs: 700 });
    for (let index = 0; index < 10; index++) audit.record(message());
    expect(stats()).toMatchObject({ queued: 10, full: true });
    sink.answer = () => undefined;
    await audit.flush();
    expect(stats()).toMatchObject({ failing: false, full: false, oldestQueuedMs: 0, delivered: 10 });
  });

  test('adapters are named by themselves, else by their class, and told apart', () => {
    class ElasticAdapter extends RecordingAdapter {}
    const unnamed = (): MonitoringAdapter => ({ logEvent: () => Promise.resolve() });
    class Plain {
      logEvent(): Promise<void> {
        return Promise.resolve();
      }
    }
    const audit = auditLogger([new ElasticAdapter('elastic'), new Plain(), new Plain(), unnamed(), new RecordingAdapter('elastic')]);
    expect(audit.stats().adapters.map(({ adapter }) => adapter)).toEqual(['elastic', 'Plain', 'Plain#2', 'Object', 'elastic#2']);
  });

  test('warnings about a failing adapter are few', async () => {
    const audit = auditLogger([new RecordingAdapter('failing', () => Promise.reject(new MeshError('body_invalid', 'no', { retryable: false })))]);
    for (let index = 0; index < 1_000; index++) audit.record(message());
    await turns(1_100);
    expect(audit.stats().adapters[0]).toMatchObject({ deadLettered: 1_000 });
    expect(logger.lines).toHaveLength(1);
    await clock.advance(10_000);
    audit.record(message());
    await turns();
    expect(logger.lines[1]!.fields).toMatchObject({ heldBack: 999 });
    await clock.advance(10_000);
    audit.record(message());
    await turns();
    expect(logger.lines[2]!.fields).not.toHaveProperty('heldBack');
  });

  test('regression: what is lost at the end is said as an error, with all of it, also right after another loss', async () => {
    const audit = auditLogger([new RecordingAdapter('hanging', never)], { laneEvents: 20 });
    for (let index = 0; index < 30; index++) audit.record(security());
    const closed = audit.close();
    await turns();
    await clock.advance(60_000);
    await closed;
    const { dropped } = audit.stats().adapters[0]!;
    expect(logger.lines.filter(({ message: text }) => text.includes('loses')).at(-1)).toEqual({
      level: 'error',
      message: 'audit adapter hanging loses 20 event(s): not delivered before the audit logger closed',
      fields: { dropped, fromSequence: 1, toSequence: 20 },
    });
  });
});

describe('life cycle', () => {
  test('start() hands the context in; events wait for it; its failure or hanging stops nothing', async () => {
    const contexts: AdapterContext[] = [];
    let started: () => void = () => undefined;
    const slow = Object.assign(new RecordingAdapter('slow'), {
      start: (given: AdapterContext) => {
        contexts.push(given);
        return new Promise<void>((resolve) => (started = resolve));
      },
    });
    const failing = Object.assign(new RecordingAdapter('failing'), { start: () => Promise.reject(new Error('no disk')) });
    const hanging = Object.assign(new RecordingAdapter('hanging'), { start: never });
    const plain = new RecordingAdapter('plain');
    const audit = auditLogger([slow, failing, hanging, plain], { serviceId: undefined, context: { paths: context.paths } });
    const starting = audit.start({ serviceId: 'late-service', metrics: context.metrics.bind(context) });
    audit.record(security());
    await turns();
    expect([slow, failing, hanging, plain].map((sink) => sink.events.length)).toEqual([0, 2, 0, 2]);
    expect(plain.events[0]!.serviceId).toBe('late-service');
    expect(contexts[0]).toMatchObject({ serviceId: 'late-service', paths: context.paths, clock });
    expect(() => contexts[0]!.metrics()).toThrow('not asked for here');
    started();
    await turns();
    expect(slow.events).toHaveLength(2);
    await clock.advance(10_000);
    await starting;
    await turns();
    expect(hanging.events).toHaveLength(2);
    expect(logger.lines.map(({ message: text }) => text)).toEqual([UNKEPT, 'audit adapter failing: start() failed', 'audit adapter hanging: start() failed']);
  });

  test('regression: close() comes after a start() under way, which keeps its own deadline', async () => {
    const order: string[] = [];
    const slow = Object.assign(new RecordingAdapter('slow'), {
      start: () => new Promise<void>((resolve) => void clock.setTimeout(() => resolve(void order.push('slow started')), 3_000)),
      close: () => Promise.resolve(void order.push('slow closed')),
    });
    const hanging = Object.assign(new RecordingAdapter('hanging'), { start: never, close: () => Promise.resolve(void order.push('hanging closed')) });
    const audit = auditLogger([slow, hanging]);
    const starting = audit.start(context);
    let closed = false;
    const closing = audit.close().then(() => (closed = true));
    await clock.advance(3_000);
    expect(order).toEqual(['slow started']);
    // What the other lane holds is waited for first: 5,000 ms less the share that is kept for audit.stop.
    await clock.advance(1_000);
    await turns();
    expect(order).toEqual(['slow started', 'slow closed']);
    expect(slow.events.map(({ details }) => details.action)).toEqual(['audit.start', 'audit.stop']);
    await clock.advance(5_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect(order).toEqual(['slow started', 'slow closed', 'hanging closed']);
    await Promise.all([starting, closing]);
  });

  test('without paths and metrics adapters are not started, and work all the same', async () => {
    const sink = Object.assign(new RecordingAdapter(), { start: () => Promise.reject(new Error('must not run')) });
    const audit = auditLogger([sink]);
    await audit.start({ serviceId: 'me' });
    audit.record(security());
    await audit.flush();
    expect(sink.events.map(({ serviceId, details }) => [serviceId, details.action])).toEqual([['me', 'audit.start'], ['me', 'auth.failed']]);
    expect(logger.lines.map(({ message: text }) => text)).toEqual([UNKEPT]);
  });

  test('flush() waits for what was recorded before it, not for what comes after, and cuts a retry\'s pause short', async () => {
    let down = true;
    let flushed = 0;
    const sink = Object.assign(new RecordingAdapter('flaky', () => { if (down) throw new Error('down'); }), {
      flush: () => {
        flushed++;
        return Promise.resolve();
      },
    });
    const audit = auditLogger([sink], { retryDelayMs: 20_000 });
    audit.record(security());
    await turns();
    down = false;
    await audit.flush();
    expect(sink.sequences).toEqual([1]);
    expect(flushed).toBe(1);

    sink.answer = (event) => (event.sequence > 2 ? never() : undefined);
    audit.record(security());
    const flushing = audit.flush();
    audit.record(security());
    await flushing;
    expect(sink.sequences).toEqual([1, 2]);
  });

  test('flush() gives up after flushMs and says so; close() then drops the rest and counts it', async () => {
    let closes = 0;
    const sink = Object.assign(new RecordingAdapter('hanging', never), { close: () => Promise.resolve(void closes++) });
    const audit = auditLogger([sink, new RecordingAdapter('good')], { flushMs: 2_000 });
    for (let index = 0; index < 700; index++) audit.record(message());
    const flushing = audit.flush();
    await turns();
    await clock.advance(2_000);
    await flushing;
    expect(logger.lines[0]).toMatchObject({ message: 'audit events are still queued', fields: { queued: { hanging: 700, good: 0 } } });
    const waiting = expect(audit.log(security())).rejects.toMatchObject({ reason: 'mesh_closed' });
    const closing = audit.close();
    await clock.advance(2_000);
    await closing;
    await waiting;
    expect(audit.stats().adapters[0]).toMatchObject({ emitted: 701, dropped: 701, queued: 0 });
    expect(audit.stats().adapters[1]).toMatchObject({ emitted: 701, delivered: 701 });
    await audit.close();
    await audit[Symbol.asyncDispose]();
    expect(closes).toBe(1);
  });

  test('close() leaves no retry behind, and ends a flush() under way', async () => {
    const audit = auditLogger([new RecordingAdapter('failing', () => Promise.reject(new Error('down')))], { flushMs: 2_000, retryDelayMs: 20_000 });
    audit.record(security());
    const closing = audit.close();
    await clock.advance(1_000);
    const flushing = audit.flush();
    await clock.advance(1_000);
    await closing;
    await flushing;
    await audit.flush();
    expect(clock.pendingTimers).toBe(0);
    expect(audit.stats().adapters[0]).toMatchObject({ dropped: 1, queued: 0, failures: 2 });
  });

  test('close() delivers first, and an adapter whose flush() or close() fails or hangs is a warning', async () => {
    const sink = Object.assign(new RecordingAdapter(), {
      flush: () => Promise.reject(new Error('flush')),
      close: never,
    });
    const audit = auditLogger([sink]);
    for (let index = 0; index < 1_700; index++) audit.record(message());
    await audit.flush();
    const closing = audit.close();
    await clock.advance(10_000);
    await closing;
    expect(sink.events).toHaveLength(1_700);
    expect(logger.lines.map(({ message: text }) => text)).toEqual(['audit adapter recording: flush() failed', 'audit adapter recording: close() failed']);
  });
});

test('every invalid option is reported at once, by its path', () => {
  const bad = () =>
    new AuditLogger({
      adapters: [new RecordingAdapter(), {} as MonitoringAdapter, null as unknown as MonitoringAdapter],
      events: ['connection', 'nonsense' as never],
      laneEvents: 0,
      laneBytes: 1.5,
      batch: NaN,
      attempts: -1,
      flushMs: '5' as never,
      redact: { maxDepth: 0 },
    });
  expect(bad).toThrow(MeshError);
  try {
    bad();
  } catch (error) {
    const { problems } = (error as MeshError).details as { problems: string[] };
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'adapters[1]', 'adapters[2]', 'events[1]', 'redact.maxDepth', 'laneEvents', 'laneBytes', 'batch', 'attempts', 'flushMs',
    ]);
    expect((error as MeshError).code).toBe('INVALID_ARGUMENT');
  }
  expect(() => new AuditLogger({ adapters: undefined as never })).toThrow(/adapters: must be an array/);
});

test('adapters share the frozen parts of an event', async () => {
  const seen: MeshAuditEvent[] = [];
  const audit = auditLogger([1, 2, 3].map((index) => new RecordingAdapter(`s${index}`, (event) => void seen.push(event))));
  audit.record(security());
  await audit.flush();
  expect(seen).toHaveLength(3);
  expect(new Set(seen.map(({ details }) => details)).size).toBe(1);
  expect(seen.every((event) => Object.isFrozen(event) && Object.isFrozen(event.details))).toBe(true);
});

test('regression: what an adapter, a filter or the caller does to the date of an event reaches no other adapter, nor its own next try', async () => {
  const recordedAt = Math.trunc(clock.now());
  const times: Record<string, number[]> = { bad: [], good: [] };
  let tries = 0;
  const bad = new RecordingAdapter('bad', ({ timestamp }) => {
    times['bad']!.push(timestamp.getTime());
    timestamp.setTime(0);
    if (++tries === 1) throw new Error('down');
  });
  const good = new RecordingAdapter('good', ({ timestamp }) => void times['good']!.push(timestamp.getTime()));
  const audit = auditLogger([bad, good], { events: ({ timestamp }) => timestamp.setTime(1) > 0 });
  audit.record(security())!.timestamp.setTime(2);
  await turns();
  await audit.flush();
  expect(times).toEqual({ bad: [recordedAt, recordedAt], good: [recordedAt] });
});

describe('an adapter that only reads metrics', () => {
  class Reader implements ManagedAdapter {
    readonly metricsOnly = true;
    readonly calls: string[] = [];
    context: AdapterContext | undefined;

    async logEvent(): Promise<void> {
      this.calls.push('logEvent');
    }

    async start(given: AdapterContext): Promise<void> {
      this.calls.push('start');
      this.context = given;
    }

    async flush(): Promise<void> {
      this.calls.push('flush');
    }

    async close(): Promise<void> {
      this.calls.push('close');
    }
  }

  test('makes nobody listen: no event is made for it alone', async () => {
    const reader = new Reader();
    const audit = auditLogger([reader]);
    await audit.start(context);
    expect(audit.enabled).toBe(false);
    expect(audit.record(message('one'))).toBeUndefined();
    await audit.flush();
    await audit.close();
    expect(reader.calls).toEqual(['start', 'flush', 'close']);
    expect(audit.stats()).toEqual({ emitted: 0, adapters: [] });
    expect(logger.lines).toEqual([]);
  });

  test('is started where audit is switched off', async () => {
    const reader = new Reader();
    const sink = new RecordingAdapter();
    const audit = auditLogger([sink, reader], { enabled: false });
    await audit.start(context);
    expect([reader.calls, sink.events]).toEqual([['start'], []]);
  });

  test('gets no events beside others that do; what it says itself goes to them', async () => {
    const reader = new Reader();
    const sink = new RecordingAdapter();
    const audit = auditLogger([reader, sink]);
    await audit.start(context);
    audit.record(message('one'));
    reader.context?.emit({ eventType: 'system', details: { action: 'audit.gap', success: false } });
    await audit.flush();
    expect(sink.events.map(({ details }) => details.action).slice(-1)).toEqual(['audit.gap']);
    expect(audit.stats().adapters.map(({ adapter }) => adapter)).toEqual(['recording']);
    expect(reader.calls).toEqual(['start', 'flush']);
  });

  test('that cannot start is a warning', async () => {
    const reader = new Reader();
    reader.start = () => Promise.reject(new Error('no'));
    await auditLogger([reader]).start(context);
    expect(JSON.stringify(logger.lines)).toContain('audit adapter Reader: start() failed');
  });
});
