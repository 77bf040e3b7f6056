import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type AuditEventInput, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import type { AuditLoggerOptions } from '../src/audit-options.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from './support.js';

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

class DurableAdapter extends RecordingAdapter {
  readonly durable = true;
}

/** What became of a `log()`, as far as it is known. */
function watch(promise: Promise<void>): { state: string } {
  const seen = { state: 'waiting' };
  promise.then(
    () => (seen.state = 'held'),
    (error: MeshError) => (seen.state = error.reason),
  );
  return seen;
}

const down = (): Promise<void> => Promise.reject(new Error('down'));
const refuse = (): Promise<void> => Promise.reject(new MeshError('body_invalid', 'no', { retryable: false }));
const failClosed = { connection: 'fail-closed' } as const;

describe('contractOf', () => {
  test('gives the defaults, what the option says, and durable for types that nobody knows', () => {
    const audit = auditLogger([new DurableAdapter()], { delivery: { message: 'durable', connection: 'fail-closed', error: 'best-effort', system: undefined } });
    expect((['connection', 'message', 'error', 'system', 'rate_limit'] as const).map((type) => audit.contractOf(type))).toEqual([
      'fail-closed', 'durable', 'best-effort', 'durable', 'durable',
    ]);
    for (const type of ['nonsense', '__proto__', 'constructor']) expect(audit.contractOf(type as never)).toBe('durable');
  });
});

describe('options', () => {
  const problems = (options: AuditLoggerOptions): string[] => {
    try {
      new AuditLogger(options);
    } catch (error) {
      return ((error as MeshError).details as { problems: string[] }).problems;
    }
    return [];
  };

  test('unknown types and contracts are errors by path', () => {
    const given = problems({ adapters: [], delivery: { nonsense: 'durable', message: 'at-most-once', error: 'durable' } as never });
    expect(given.map((problem) => problem.split(':')[0])).toEqual(['delivery.nonsense', 'delivery.message']);
    expect(problems({ adapters: [], delivery: 'durable' as never })[0]).toMatch(/^delivery: /);
    expect(problems({ adapters: [], level: 'all' as never })[0]).toMatch(/^level: /);
  });

  test('a fail-closed contract that could never be kept is one, too', () => {
    const adapters = [new RecordingAdapter()];
    expect(problems({ adapters, delivery: failClosed })).toEqual([expect.stringMatching(/^delivery\.connection: fail-closed needs an adapter that is durable/)]);
    expect(problems({ adapters: [], delivery: failClosed })).toHaveLength(1);
    expect(problems({ adapters, delivery: failClosed, enabled: false })).toEqual([]);
    const durable = [new DurableAdapter()];
    expect(problems({ adapters: durable, delivery: failClosed })).toEqual([]);
    expect(problems({ adapters: durable, delivery: failClosed, events: ['error'] })[0]).toMatch(/^delivery\.connection: fail-closed, but/);
    expect(problems({ adapters: durable, delivery: { message: 'fail-closed' }, level: 'security' })[0]).toMatch(/^delivery\.message: fail-closed, but/);
  });
});

describe('one warning at start', () => {
  const warnings = async (adapters: readonly MonitoringAdapter[], options: Omit<AuditLoggerOptions, 'adapters'> = {}): Promise<unknown[]> => {
    const audit = auditLogger(adapters, options);
    await audit.start();
    await audit.start();
    return logger.lines.splice(0).map(({ fields }) => fields?.['eventTypes']);
  };

  test('where durable is promised and nothing is durable', async () => {
    expect(await warnings([new RecordingAdapter()])).toEqual(['connection,key_rotation,rate_limit,circuit_breaker,error,system']);
    expect(await warnings([new RecordingAdapter()], { events: ['message', 'error'] })).toEqual(['error']);
  });

  test('not where something is, where nothing is promised, and where nobody listens', async () => {
    expect(await warnings([new RecordingAdapter(), new DurableAdapter()])).toEqual([]);
    expect(await warnings([new RecordingAdapter()], { events: ['message'] })).toEqual([]);
    expect(await warnings([new RecordingAdapter()], { enabled: false })).toEqual([]);
    expect(await warnings([])).toEqual([]);
  });
});

describe('fail-closed', () => {
  test('resolves once one durable adapter has the event, whatever the others do', async () => {
    let release: () => void = () => undefined;
    const file = new DurableAdapter('file', () => new Promise((resolve) => (release = resolve)));
    const audit = auditLogger([new RecordingAdapter('hanging', never), new DurableAdapter('refusing', refuse), file], { delivery: failClosed });
    const seen = watch(audit.log(security()));
    await turns();
    expect(seen.state).toBe('waiting');
    release();
    await turns();
    expect(seen.state).toBe('held');
  });

  test('an adapter that is not durable is not enough', async () => {
    const audit = auditLogger([new RecordingAdapter('console'), new DurableAdapter('file', refuse)], { delivery: failClosed });
    await expect(audit.log(security())).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'audit_unavailable', cause: { reason: 'body_invalid' } });
    expect(audit.stats().adapters.map(({ delivered, deadLettered }) => [delivered, deadLettered])).toEqual([[1, 0], [0, 1]]);
  });

  test('a full lane refuses at once; with another durable adapter the event is taken', async () => {
    const full = new DurableAdapter('full', never);
    const audit = auditLogger([full], { delivery: failClosed, laneEvents: 1 });
    const first = watch(audit.log(security()));
    const second = watch(audit.log(security()));
    await Promise.resolve();
    await turns(1);
    expect([first.state, second.state]).toEqual(['waiting', 'audit_unavailable']);
    const both = auditLogger([full, new DurableAdapter('file')], { delivery: failClosed, laneEvents: 1 });
    both.record(security());
    await turns();
    await both.log(security());
    expect(both.stats().adapters.map(({ dropped }) => dropped)).toEqual([1, 0]);
  });

  test('waits for an adapter that is down for deliveryTimeoutMs and no longer; the event itself is tried on', async () => {
    const file = new DurableAdapter('file', down);
    const audit = auditLogger([file], { delivery: failClosed, deliveryTimeoutMs: 2_000, retryDelayMs: 500 });
    const seen = watch(audit.log(security()));
    await clock.advance(1_999);
    expect(seen.state).toBe('waiting');
    await clock.advance(1);
    expect(seen.state).toBe('audit_unavailable');
    file.answer = () => undefined;
    await clock.advance(10_000);
    expect(file.sequences).toEqual([1]);
  });

  test('an adapter that does not keep such events fulfils nothing, and neither does a filter', async () => {
    const picky = Object.assign(new DurableAdapter('picky'), { accepts: ({ details }: { details: { action: string } }) => details.action !== 'unwanted' });
    const audit = auditLogger([picky, new RecordingAdapter('console')], { delivery: failClosed, events: ({ details }) => details.action !== 'filtered' });
    await audit.log(security());
    await expect(audit.log(security('unwanted'))).rejects.toMatchObject({ reason: 'audit_unavailable' });
    await expect(audit.log(security('filtered'))).rejects.toMatchObject({ reason: 'audit_unavailable' });
    await audit.flush();
    expect(audit.stats().adapters.map(({ filtered, delivered }) => [filtered, delivered])).toEqual([[2, 1], [1, 2]]);
  });

  test('an event that the logger drops at its end is refused, and so is one after it', async () => {
    const audit = auditLogger([new DurableAdapter('file', never)], { delivery: failClosed, flushMs: 100 });
    const seen = watch(audit.log(security()));
    const closing = audit.close();
    await clock.advance(100);
    await closing;
    await turns();
    expect(seen.state).toBe('audit_unavailable');
    await expect(audit.log(security())).rejects.toMatchObject({ reason: 'mesh_closed' });
  });

  test('record() never waits and never throws', () => {
    const audit = auditLogger([new DurableAdapter('file', never)], { delivery: failClosed, laneEvents: 1 });
    expect(audit.record(security())?.sequence).toBe(1);
    expect(audit.record(security())?.sequence).toBe(2);
  });
});

describe('durable', () => {
  test('resolves once one durable adapter has the event, though others hang or refuse', async () => {
    const audit = auditLogger([new RecordingAdapter('hanging', never), new RecordingAdapter('refusing', refuse), new DurableAdapter('file')]);
    await audit.log(security());
    expect(audit.stats().adapters[2]).toMatchObject({ delivered: 1 });
  });

  test('rejects with the adapter\'s error once no durable adapter is left', async () => {
    const audit = auditLogger([new RecordingAdapter('hanging', never), new DurableAdapter('file', refuse)]);
    await expect(audit.log(security())).rejects.toMatchObject({ reason: 'body_invalid' });
  });

  test('without a durable adapter, once every adapter has it', async () => {
    let release: () => void = () => undefined;
    const slow = new RecordingAdapter('slow', () => new Promise((resolve) => (release = resolve)));
    const audit = auditLogger([new RecordingAdapter('quick'), slow]);
    const seen = watch(audit.log(security()));
    await turns();
    expect(seen.state).toBe('waiting');
    release();
    await turns();
    expect(seen.state).toBe('held');
    const refusing = auditLogger([new RecordingAdapter('hanging', never), new RecordingAdapter('refusing', refuse)]);
    await expect(refusing.log(security())).rejects.toMatchObject({ reason: 'body_invalid' });
  });

  test('where the durable adapter does not keep it, the others decide', async () => {
    const picky = Object.assign(new DurableAdapter('picky'), { accepts: () => false });
    const audit = auditLogger([picky, new RecordingAdapter('console')]);
    await audit.log(security());
    const all = auditLogger([picky]);
    await all.log(security());
    expect(all.stats().adapters[0]).toMatchObject({ filtered: 1, delivered: 0 });
  });
});

test('best-effort waits for every adapter, durable or not', async () => {
  let release: () => void = () => undefined;
  const slow = new RecordingAdapter('slow', () => new Promise((resolve) => (release = resolve)));
  const audit = auditLogger([new DurableAdapter('file'), slow]);
  const seen = watch(audit.log(message()));
  await turns();
  expect(seen.state).toBe('waiting');
  release();
  await turns();
  expect(seen.state).toBe('held');
});

test('a full lane drops by contract, not by type', async () => {
  const sink = new RecordingAdapter('gated', never);
  const audit = auditLogger([sink], { delivery: { message: 'durable', error: 'best-effort' }, laneEvents: 4, batch: 1 });
  const error: AuditEventInput = { eventType: 'error', details: { action: 'session.failed', success: false } };
  audit.record(message());
  await turns();
  for (let index = 0; index < 3; index++) audit.record(error);
  const errorsLost = watch(audit.log(message()));
  audit.record(message());
  audit.record(message());
  const errorLost = watch(audit.log(error));
  const messageLost = watch(audit.log(message()));
  await turns();
  expect([errorsLost.state, errorLost.state, messageLost.state]).toEqual(['waiting', 'queue_full', 'queue_full']);
  expect(audit.stats().adapters[0]).toMatchObject({ emitted: 9, queued: 4, dropped: 5 });
});
