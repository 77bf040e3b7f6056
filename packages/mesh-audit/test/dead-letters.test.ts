import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { nodeFileSystem } from '@lemur-bookstores/mesh-log';
import { AuditLogger } from '../src/audit-logger.js';
import { EventStamper } from '../src/event-stamper.js';
import { Redactor } from '../src/redaction.js';
import { DeadLetterFile } from '../src/spill/dead-letter-file.js';
import { SimulatedDisk } from '../../mesh-log/test/support/simulated-disk.js';
import { lane, SpillBed, temporaryFolder } from './spill/spilling.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from './support.js';

const refuse = (): Promise<void> => Promise.reject(new MeshError('body_invalid', 'no such field', { retryable: false }));
const down = (): Promise<void> => Promise.reject(new Error('down'));
type Letter = { readonly sequences: number[]; readonly reason: string; readonly adapter: string };

describe('onDeadLetter', () => {
  const letters: Letter[] = [];
  const onDeadLetter = (events: readonly MeshAuditEvent[], { reason }: MeshError, adapter: string): void =>
    void letters.push({ sequences: events.map(({ sequence }) => sequence), reason, adapter });

  test('is told of events that are refused for good, and of those whose tries are used up, a batch at a time', async () => {
    letters.length = 0;
    const clock = new FakeClock();
    const refusing = new RecordingAdapter('refusing', ({ sequence }) => (sequence === 2 ? refuse() : undefined));
    const failing: ManagedAdapter = { name: 'failing', logEvent: never, logEvents: down };
    const audit = new AuditLogger({ adapters: [refusing, failing], clock, logger: new RecordingLogger(), attempts: 2, retryDelayMs: 10, onDeadLetter });
    for (let index = 0; index < 3; index++) audit.record(message());
    await clock.advance(1_000);
    expect(letters).toEqual([
      { sequences: [2], reason: 'body_invalid', adapter: 'refusing' },
      { sequences: [1, 2, 3], reason: 'adapter_failed', adapter: 'failing' },
    ]);
  });

  test('gets frozen events with a date of its own', async () => {
    const seen: MeshAuditEvent[] = [];
    const audit = new AuditLogger({ adapters: [new RecordingAdapter('refusing', refuse)], logger: new RecordingLogger(), onDeadLetter: (events) => void seen.push(...events) });
    const recorded = audit.record(security())!;
    await turns();
    expect(seen).toEqual([recorded]);
    expect(Object.isFrozen(seen[0])).toBe(true);
    expect(seen[0]!.timestamp).not.toBe(recorded.timestamp);
  });

  test.each([
    ['throws', () => { throw new Error('bug'); }, ['onDeadLetter threw']],
    ['rejects', () => Promise.reject(new Error('bug')), []],
  ])('one that %s disturbs nobody', async (_what, listener, said) => {
    const unhandled: unknown[] = [];
    const count = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', count);
    const logger = new RecordingLogger();
    const audit = new AuditLogger({ adapters: [new RecordingAdapter('refusing', ({ sequence }) => (sequence < 3 ? refuse() : undefined))], logger, onDeadLetter: listener });
    for (let index = 0; index < 3; index++) audit.record(message());
    await turns(20);
    process.off('unhandledRejection', count);
    expect(unhandled).toEqual([]);
    expect(audit.stats().adapters[0]).toMatchObject({ deadLettered: 2, delivered: 1 });
    expect(logger.lines.map(({ message: text }) => text).filter((text) => text.startsWith('onDeadLetter'))).toEqual(said);
  });
});

describe('dead-letters.jsonl, beside the spill', () => {
  const PATH = '/spill/refusing/dead-letters.jsonl';
  const linesOf = (bed: SpillBed): { time: string; adapter: string; reason: string; error: string; event: { sequence: number; details: object } }[] =>
    bed.disk.contents(PATH).toString().trimEnd().split('\n').map((line) => JSON.parse(line) as never);

  test('has one line for each, with when, why and the event; the next process goes on with it', async () => {
    const bed = new SpillBed();
    for (const from of [1, 3]) {
      const audit = bed.audit([new RecordingAdapter('refusing', refuse)]);
      audit.record({ eventType: 'error', details: { action: 'a\nb', success: false, metadata: { from } } });
      audit.record(security());
      await bed.until('both are given up', () => lane(audit).deadLettered === 2);
      await bed.close(audit);
    }
    const lines = linesOf(bed);
    expect(lines.map(({ event }) => event.sequence)).toEqual([1, 2, 1, 2]);
    expect(lines[0]).toEqual({
      time: expect.stringMatching(/^2026-01-01T/), adapter: 'refusing', reason: 'body_invalid', error: 'body_invalid: no such field',
      event: expect.objectContaining({ eventType: 'error', serviceId: 'orders', details: { action: 'a\nb', success: false, metadata: { from: 1 } } }),
    });
  });

  test('is capped: the latest stay', async () => {
    const folder = temporaryFolder();
    try {
      const file = new DeadLetterFile({ directory: folder.path, fileSystem: nodeFileSystem, clock: new FakeClock(), logger: new RecordingLogger(), adapter: 'refusing' });
      const stamper = new EventStamper('orders', new FakeClock(), new Redactor(), true);
      const failure = new MeshError('body_invalid', 'no');
      const metadata = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`text${index}`, 'x'.repeat(4_000)]));
      const total = 600;
      for (let index = 0; index < total; index++) {
        file.add([stamper.stamp({ eventType: 'error', details: { action: 'large', success: false, metadata } }, 'durable', undefined)], failure);
        // Written by then: what waits for the disk is capped, too.
        if (index % 20 === 19) await file.close();
      }
      const read = (name: string): { event: { sequence: number } }[] => {
        const text = readFileSync(join(folder.path, name), 'utf8');
        expect(text.length).toBeLessThanOrEqual(8 * 1_048_576);
        return text.trimEnd().split('\n').map((line) => JSON.parse(line) as never);
      };
      const kept = [...read('dead-letters.old.jsonl'), ...read('dead-letters.jsonl')].map(({ event }) => event.sequence);
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => index + 1 + total - kept.length));
      expect(kept.length).toBeGreaterThan(200);
      expect(kept.length).toBeLessThan(total);
    } finally {
      folder.remove();
    }
  });

  test('a disk that fails costs the file its lines and nobody anything else', async () => {
    const bed = new SpillBed(new SimulatedDisk(({ path, kind }) => (path.endsWith('dead-letters.jsonl') && kind === 'write' ? 'full' : undefined)));
    const audit = bed.audit([new RecordingAdapter('refusing', ({ sequence }) => (sequence % 2 === 0 ? refuse() : undefined))]);
    for (let index = 0; index < 10; index++) audit.record(message());
    await bed.until('all is done', () => lane(audit).deadLettered + lane(audit).delivered === 10);
    await bed.close(audit);
    expect(bed.said).toContain('dead letters of audit adapter refusing cannot be kept');
  });
});
