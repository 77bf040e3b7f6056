import { expect, test } from '@jest/globals';
import { FakeClock, type AdapterContext, type AuditEventInput, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import { FilterAdapter } from '../src/wrapping/filter-adapter.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from './support.js';

const clock = new FakeClock();
const logger = new RecordingLogger();
const context = { paths: { keysDir: '/k', logsDir: '/l', runtimeDir: '/r' }, metrics: () => { throw new Error('not asked for here'); } };
const actions = ({ events }: RecordingAdapter): string[] => events.map(({ details }) => details.action);

class DurableAdapter extends RecordingAdapter {
  readonly durable = true;
}

test('audit.start tells who gets what under which promise; audit.stop tells what became of it, and is the last event', async () => {
  const [file, second] = [new DurableAdapter('file'), new RecordingAdapter('console')];
  const audit = new AuditLogger({ serviceId: 's', adapters: [file, second], clock, logger, delivery: { error: 'fail-closed' }, level: 'minimal' });
  await audit.start(context);
  audit.record(security());
  await audit.close();
  expect(actions(file)).toEqual(['audit.start', 'auth.failed', 'audit.stop']);
  expect(actions(second)).toEqual(actions(file));
  expect(file.events[0]).toMatchObject({ sequence: 1, eventType: 'system', details: { success: true } });
  expect(file.events[0]!.details.metadata).toEqual({
    adapters: [{ adapter: 'file', durable: true }, { adapter: 'console', durable: false }],
    delivery: {
      connection: 'durable', message: 'best-effort', key_rotation: 'durable', rate_limit: 'durable', circuit_breaker: 'durable', error: 'fail-closed', system: 'durable',
    },
    level: 'minimal',
    spill: false,
  });
  const totals = { emitted: 2, recovered: 0, filtered: 0, delivered: 2, queued: 0, spilled: 0, deadLettered: 0, dropped: 0, lostGaps: 0 };
  expect(file.events[2]).toMatchObject({ eventType: 'system', details: { success: true } });
  expect(file.events[2]!.details.metadata).toEqual({ adapters: [{ adapter: 'file', ...totals }, { adapter: 'console', ...totals }] });
  expect(audit.stats()).toMatchObject({ emitted: 3, adapters: [{ delivered: 3 }, { delivered: 3 }] });
});

test('audit.stop reaches the others within flushMs, though one adapter hangs; and is said once', async () => {
  const good = new RecordingAdapter('good');
  const audit = new AuditLogger({ adapters: [new RecordingAdapter('hanging', never), good], clock, logger, flushMs: 1_000 });
  await audit.start(context);
  audit.record(security());
  let closed = false;
  const closing = Promise.all([audit.close(), audit.close()]).then(() => (closed = true));
  await clock.advance(1_000);
  await turns();
  expect(closed).toBe(true);
  await closing;
  expect(actions(good)).toEqual(['audit.start', 'auth.failed', 'audit.stop']);
  const [hanging] = good.events[2]!.details.metadata!['adapters'] as [{ queued: number }];
  expect(hanging.queued).toBe(2);
  expect(audit.stats().adapters[0]).toMatchObject({ emitted: 3, dropped: 3 });
});

test('neither is said where audit is off, twice by two start(), or by a logger that was never started', async () => {
  const sink = new RecordingAdapter();
  const off = new AuditLogger({ adapters: [sink], clock, logger, enabled: false });
  await off.start(context);
  await off.close();
  const unstarted = new AuditLogger({ adapters: [sink], clock, logger });
  await unstarted.close();
  expect(sink.events).toEqual([]);
  const twice = new AuditLogger({ adapters: [sink], clock, logger });
  await twice.start(context);
  await twice.start(context);
  await twice.close();
  expect(actions(sink)).toEqual(['audit.start', 'audit.stop']);
});

/** Like a file that signs a checkpoint now and then, and at its end. */
class TellingAdapter extends RecordingAdapter implements ManagedAdapter {
  #emit: (event: AuditEventInput) => void = () => undefined;
  start({ emit }: AdapterContext): Promise<void> {
    this.#emit = emit;
    return Promise.resolve();
  }
  tell(what: string): void {
    this.#emit({ eventType: 'system', details: { action: 'audit.checkpoint', success: true, metadata: { what } } });
  }
  close(): Promise<void> {
    this.tell('last');
    return Promise.resolve();
  }
}

test('what an adapter emits goes to all others and never comes back, also what it says at its own end', async () => {
  const [file, other] = [new TellingAdapter('file'), new RecordingAdapter('other')];
  const audit = new AuditLogger({ adapters: [file, other], clock, logger });
  await audit.start(context);
  file.tell('first');
  await audit.log(message());
  await audit.close();
  expect(actions(file)).toEqual(['audit.start', 'message.sent', 'audit.stop']);
  expect(actions(other)).toEqual(['audit.start', 'audit.checkpoint', 'message.sent', 'audit.stop', 'audit.checkpoint']);
  expect(other.events.at(-1)!.details.metadata).toEqual({ what: 'last' });
  expect(audit.stats().adapters).toMatchObject([
    { emitted: 5, filtered: 2, delivered: 3, dropped: 0 },
    { emitted: 5, filtered: 0, delivered: 5, dropped: 0 },
  ]);
  file.tell('too late');
  expect(audit.stats().emitted).toBe(5);
});

test('two that tell each other: neither gets the other\'s last word, and nothing counts as lost', async () => {
  const [first, second, third] = [new TellingAdapter('first'), new TellingAdapter('second'), new RecordingAdapter('third')];
  const audit = new AuditLogger({ adapters: [first, second, third], clock, logger });
  await audit.start(context);
  first.tell('1');
  second.tell('2');
  await audit.close();
  expect(actions(third)).toEqual(['audit.start', 'audit.checkpoint', 'audit.checkpoint', 'audit.stop', 'audit.checkpoint', 'audit.checkpoint']);
  for (const lane of audit.stats().adapters) expect([lane.dropped, lane.deadLettered, lane.queued]).toEqual([0, 0, 0]);
});

test('one that closes first is closed before the others, however long that takes: it may tell one of them something', async () => {
  const closed: string[] = [];
  let ends: () => void = () => undefined;
  const closing = (name: string, more: Partial<ManagedAdapter> = {}): ManagedAdapter =>
    Object.assign(new RecordingAdapter(name), { close: async () => void closed.push(name), ...more });
  const last = closing('rules', { closesFirst: true, close: () => new Promise<void>((resolve) => (ends = () => (closed.push('rules'), resolve()))) });
  const audit = new AuditLogger({ adapters: [closing('pager'), new FilterAdapter(last, () => true), closing('file')], clock, logger });
  await audit.start(context);
  const over = audit.close();
  await turns();
  expect(closed).toEqual([]);
  ends();
  await over;
  expect(closed).toEqual(['rules', 'pager', 'file']);
});
