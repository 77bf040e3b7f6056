import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type AuditEventInput, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import type { AuditLevel } from '../src/event-filter.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from './support.js';

const clock = new FakeClock();
const logger = new RecordingLogger();
beforeEach(() => void (logger.lines.length = 0));

class PickyAdapter extends RecordingAdapter {
  readonly asked: number[] = [];
  picks: (event: MeshAuditEvent) => unknown = ({ eventType }) => eventType !== 'message';
  accepts(event: MeshAuditEvent): boolean {
    this.asked.push(event.sequence);
    return this.picks(event) as boolean;
  }
}

describe('accepts()', () => {
  const unhandled: unknown[] = [];
  const count = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => void process.on('unhandledRejection', count));
  afterEach(async () => {
    await turns();
    process.off('unhandledRejection', count);
    expect(unhandled).toEqual([]);
  });

  test('keeps an event from this adapter alone, counted as filtered; it is asked once, and frozen events only', async () => {
    const picky = new PickyAdapter('picky');
    const all = new RecordingAdapter('all');
    const audit = new AuditLogger({ adapters: [picky, all], clock, logger });
    for (const input of [security(), message(), security()]) audit.record(input);
    await audit.flush();
    expect(picky.sequences).toEqual([1, 3]);
    expect(all.sequences).toEqual([1, 2, 3]);
    expect(picky.asked).toEqual([1, 2, 3]);
    expect(audit.stats().adapters).toMatchObject([
      { emitted: 3, filtered: 1, delivered: 2 },
      { emitted: 3, filtered: 0, delivered: 3 },
    ]);
  });

  test('what the logger\'s own filter keeps back is not asked about', async () => {
    const picky = new PickyAdapter('picky');
    const audit = new AuditLogger({ adapters: [picky], clock, logger, events: ['message'] });
    audit.record(security());
    audit.record(message());
    expect(picky.asked).toEqual([2]);
    expect(audit.stats().adapters[0]).toMatchObject({ filtered: 2 });
  });

  test.each([
    ['that throws', () => { throw new Error('bug'); }, 'accepts() of audit adapter picky threw: events pass unfiltered'],
    ['that is async', () => Promise.reject(new Error('bug')), 'accepts() of audit adapter picky must answer true or false: events pass unfiltered'],
    ['that answers nothing', () => undefined, 'accepts() of audit adapter picky must answer true or false: events pass unfiltered'],
  ])('one %s counts as yes, with one warning', async (_what, picks, warning) => {
    const picky = new PickyAdapter('picky');
    picky.picks = picks;
    const audit = new AuditLogger({ adapters: [picky], clock, logger });
    audit.record(message());
    audit.record(message());
    await audit.flush();
    expect(picky.sequences).toEqual([1, 2]);
    expect(logger.lines.map(({ message: text }) => text)).toEqual([warning]);
  });

  test('the record of a gap is no event: the adapter gets it unasked', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const picky = new PickyAdapter('picky', () => new Promise((resolve) => (gate.open = resolve)));
    picky.picks = ({ eventType }) => eventType === 'connection';
    const audit = new AuditLogger({ adapters: [picky], clock, logger, laneEvents: 2 });
    for (let index = 0; index < 4; index++) audit.record(security());
    await turns();
    picky.answer = () => undefined;
    gate.open();
    await turns();
    expect(picky.events.map(({ details }) => details.action)).toEqual(['auth.failed', 'auth.failed', 'audit.gap']);
    expect(picky.asked).toEqual([1, 2, 3, 4]);
  });
});

describe('level', () => {
  const error: AuditEventInput = { eventType: 'error', details: { action: 'session.failed', success: false, metadata: { peer: 'p' } } };
  const sent: AuditEventInput = { eventType: 'message', details: { action: 'message.sent', success: true, duration: 2, metadata: { method: 'charge' } } };
  const given = async (level: AuditLevel | undefined): Promise<{ seen: unknown[]; filtered: number }> => {
    const sink = new RecordingAdapter();
    const audit = new AuditLogger({ adapters: [sink], clock, logger, level, events: ({ details }) => details.action !== 'unwanted' });
    for (const input of [error, sent, message('unwanted'), security('unwanted')]) audit.record(input);
    await audit.flush();
    return { seen: sink.events.map(({ details }) => [details.action, details.duration, details.metadata]), filtered: audit.stats().adapters[0]!.filtered };
  };

  test('metadata, the default: everything', async () => {
    const all = { seen: [['session.failed', undefined, { peer: 'p' }], ['message.sent', 2, { method: 'charge' }]], filtered: 2 };
    expect(await given(undefined)).toEqual(all);
    expect(await given('metadata')).toEqual(all);
  });

  test('minimal: messages without metadata, which is not even read', async () => {
    expect(await given('minimal')).toEqual({ seen: [['session.failed', undefined, { peer: 'p' }], ['message.sent', 2, undefined]], filtered: 2 });
    const audit = new AuditLogger({ adapters: [{ logEvent: never }], clock, logger, level: 'minimal' });
    const metadata = new Proxy({}, { ownKeys: () => { throw new Error('read'); } });
    expect(audit.record({ eventType: 'message', details: { action: 'message.sent', success: true, metadata } })?.details).toEqual({ action: 'message.sent', success: true });
  });

  test('security: no messages; they count as filtered', async () => {
    expect(await given('security')).toEqual({ seen: [['session.failed', undefined, { peer: 'p' }]], filtered: 3 });
  });
});
