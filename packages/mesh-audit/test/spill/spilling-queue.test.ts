import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { MeshError, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../../src/audit-logger.js';
import { message, never, RecordingAdapter, RecordingLogger, security, turns } from '../support.js';
import { imbalance, lane, SpillBed, temporaryFolder } from './spilling.js';

const down = (): Promise<void> => Promise.reject(new Error('down'));
const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => index + from);
const segments = (bed: SpillBed): string[] => bed.disk.paths.filter((path) => path.endsWith('.jsonl'));

describe('a lane with a spill', () => {
  test('delivers from memory as long as the adapter takes events: nothing is written', async () => {
    const bed = new SpillBed();
    const sink = new RecordingAdapter('sink');
    const audit = bed.audit([sink]);
    for (let index = 0; index < 20; index++) {
      audit.record(message());
      await turns(3);
    }
    expect(sink.sequences).toEqual(upTo(20));
    expect(segments(bed)).toEqual([]);
    expect(lane(audit)).toMatchObject({ delivered: 20, spilled: 0, spillBytes: 0, spillMaxBytes: 1_073_741_824 });
    await bed.close(audit);
  });

  test('when a delivery fails, everything goes to disk; once the adapter takes events again, it gets all of them in order, and then from memory', async () => {
    const bed = new SpillBed();
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink]);
    for (let index = 0; index < 7; index++) audit.record(message());
    await bed.until('all is on disk', () => lane(audit).spilled === 7);
    for (let index = 0; index < 5; index++) audit.record(security());
    await bed.until('so are the later ones', () => lane(audit).spilled === 12);
    expect(lane(audit)).toMatchObject({ emitted: 12, queued: 0, delivered: 0, dropped: 0, failing: true });
    expect(lane(audit).spillBytes).toBeGreaterThan(12 * 200);
    sink.answer = () => undefined;
    await bed.until('all is delivered', () => lane(audit).delivered === 12, 50);
    audit.record(message());
    await turns();
    expect(sink.sequences).toEqual(upTo(13));
    expect(lane(audit)).toMatchObject({ delivered: 13, spilled: 0, queued: 0, spillBytes: 0, failing: false });
    expect(segments(bed)).toEqual([]);
    await bed.close(audit);
  });

  test('never gives up for an error that may pass, whatever attempts says', async () => {
    const bed = new SpillBed();
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink], { attempts: 2 });
    audit.record(security());
    for (let index = 0; index < 100; index++) await bed.clock.advance(10_000);
    expect(lane(audit)).toMatchObject({ spilled: 1, deadLettered: 0, dropped: 0 });
    expect(lane(audit).failures).toBeGreaterThan(20);
    sink.answer = () => undefined;
    await bed.until('it is delivered', () => lane(audit).delivered === 1, 1_000);
    await bed.close(audit);
  });

  test('an event that is refused for good is a dead letter, from disk as well; those around it arrive', async () => {
    const bed = new SpillBed();
    const taken: number[] = [];
    let isDown = true;
    const sink: ManagedAdapter = {
      name: 'batching',
      logEvent: never,
      logEvents: (events) => {
        if (isDown) return down();
        if (events.some(({ sequence }) => sequence === 40)) return Promise.reject(new MeshError('body_invalid', 'poison', { retryable: false }));
        taken.push(...events.map(({ sequence }) => sequence));
        return Promise.resolve();
      },
    };
    const audit = bed.audit([sink], { batch: 16 });
    for (let index = 0; index < 60; index++) audit.record(message());
    await bed.until('all is on disk', () => lane(audit).spilled === 60);
    isDown = false;
    await bed.until('all is done', () => lane(audit).spilled + lane(audit).queued === 0, 100);
    expect(taken).toEqual(upTo(60).filter((sequence) => sequence !== 40));
    expect(lane(audit)).toMatchObject({ delivered: 59, deadLettered: 1 });
    await bed.close(audit);
  });

  test('an adapter that hangs or is slow while events come fast: they go to disk before memory is full, none is dropped, none comes twice', async () => {
    const bed = new SpillBed();
    const gate: { open: () => void } = { open: () => undefined };
    const sink = new RecordingAdapter('slow', () => new Promise((resolve) => (gate.open = resolve)));
    const audit = bed.audit([sink], { laneEvents: 100, batch: 10, deliveryTimeoutMs: 1_000_000 });
    for (let round = 0; round < 50; round++) {
      for (let index = 0; index < 20; index++) audit.record(message());
      // Three events arrive meanwhile.
      if (round % 20 === 5) gate.open();
      await turns(12);
      expect(imbalance(lane(audit))).toBe(0);
      expect(lane(audit).queued).toBeLessThanOrEqual(100);
    }
    expect(lane(audit)).toMatchObject({ emitted: 1_000, delivered: 3, dropped: 0 });
    expect(lane(audit).spilled).toBeGreaterThan(900);
    sink.answer = () => undefined;
    gate.open();
    await bed.until('all is delivered', () => lane(audit).delivered === 1_000);
    expect(sink.sequences).toEqual(upTo(1_000));
    await bed.close(audit);
  });

  test('what cannot be delivered at the end is delivered by the next process, before its own events, as frozen as ever', async () => {
    const bed = new SpillBed();
    const hanging = new RecordingAdapter('sink', never);
    const first = bed.audit([hanging]);
    for (let index = 0; index < 30; index++) {
      first.record({ eventType: 'connection', targetServiceId: 'ä\u2028\ud800', details: { action: 'auth.failed', success: false, duration: 1.5, metadata: { index, deep: { list: [1, 'x\n'] } } }, trace: { traceId: 'a', spanId: 'b' } });
    }
    const recorded = first.record(message())!;
    await bed.close(first);
    expect(lane(first)).toMatchObject({ emitted: 31, spilled: 31, queued: 0, dropped: 0 });

    const sink = new RecordingAdapter('sink');
    const second = bed.audit([sink]);
    const own = second.record(security())!;
    await bed.until('all is delivered', () => sink.events.length === 32);
    expect(sink.sequences).toEqual([...upTo(31), 1]);
    expect(sink.events[30]).toEqual(recorded);
    expect(sink.events[31]).toEqual(own);
    const [event] = sink.events as [MeshAuditEvent];
    expect(event.timestamp).toEqual(new Date(bed.clock.now() - (bed.clock.now() - recorded.timestamp.getTime())));
    expect(event).toMatchObject({ targetServiceId: 'ä\u2028\ud800', details: { duration: 1.5, metadata: { index: 0, deep: { list: [1, 'x\n'] } } }, trace: { traceId: 'a', spanId: 'b' } });
    for (const part of [event, event.details, event.details.metadata, event.details.metadata!['deep'], event.trace]) expect(Object.isFrozen(part)).toBe(true);
    expect(lane(second)).toMatchObject({ emitted: 32, recovered: 31, delivered: 32, spilled: 0 });
    expect(second.stats().emitted).toBe(1);
    await bed.close(second);
  });

  test('a process that is killed loses nothing that was on disk, and delivers again at most what was in flight', async () => {
    const bed = new SpillBed();
    const sink = new RecordingAdapter('sink', down);
    const first = bed.audit([sink], { batch: 10 });
    for (let index = 0; index < 100; index++) first.record(message());
    await bed.until('all is on disk', () => lane(first).spilled === 100);
    let taken = 0;
    sink.answer = () => (++taken > 34 ? never() : undefined);
    await bed.until('some are delivered', () => lane(first).delivered === 34, 50);
    await turns();
    bed.kill();
    const next = new RecordingAdapter('sink');
    const second = bed.audit([next]);
    await second.start();
    await bed.until('the rest is delivered', () => lane(second).spilled === 0 && lane(second).queued === 0);
    expect(next.sequences.filter((_sequence, index) => next.events[index]!.details.action === 'message.sent')).toEqual(upTo(66, 35));
    expect(lane(second)).toMatchObject({ recovered: 66 });
    await bed.close(second);
  });

  test('is of its adapter alone: others are delivered to as ever, each from its own folder', async () => {
    const bed = new SpillBed();
    const audit = bed.audit([new RecordingAdapter('a/../b', down), new RecordingAdapter('good'), new RecordingAdapter('a_.._b', down)]);
    for (let index = 0; index < 5; index++) audit.record(message());
    await bed.until('both are on disk', () => lane(audit, 0).spilled === 5 && lane(audit, 2).spilled === 5);
    expect(lane(audit, 1)).toMatchObject({ delivered: 5, spilled: 0 });
    const folders = [...new Set(segments(bed).map((path) => path.slice(0, path.lastIndexOf('/'))))];
    expect(folders).toEqual([expect.stringMatching(/^\/spill\/a_\.\._b$/), expect.stringMatching(/^\/spill\/a_\.\._b_[0-9a-f]{8}$/)]);
    await bed.close(audit);
  });

  test('a full spill: events wait in memory and drop by contract, with a gap record; what is on disk stays', async () => {
    const bed = new SpillBed();
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink], { laneEvents: 50 }, { maxBytes: 65_536 });
    for (let index = 0; index < 400; index++) {
      audit.record(message());
      if (index % 10 === 9) await turns(6);
      expect(imbalance(lane(audit))).toBe(0);
      expect(lane(audit).spillBytes).toBeLessThanOrEqual(65_536);
    }
    const { spilled, dropped, queued } = lane(audit);
    expect([spilled > 200, queued, spilled + queued + dropped]).toEqual([true, 50, 400]);
    expect(dropped).toBeGreaterThan(20);
    expect(bed.said).toContain('the spill of audit adapter sink is full: events wait in memory, and are dropped when that is full too');
    sink.answer = () => undefined;
    await bed.until('all is delivered', () => lane(audit).spilled + lane(audit).queued === 0 && sink.events.some(({ details }) => details.action === 'audit.gap'), 100);
    const gap = sink.events.find(({ details }) => details.action === 'audit.gap');
    expect(gap!.details.metadata).toMatchObject({ count: dropped });
    expect(sink.sequences).toEqual([...sink.sequences].sort((one, other) => one - other));
    expect(lane(audit).delivered).toBe(400 - dropped);
    await bed.close(audit);
  });

  test('flush() waits for what an adapter takes from disk, and not for one that takes nothing', async () => {
    const bed = new SpillBed();
    let isDown = true;
    const sink = new RecordingAdapter('sink', () => (isDown ? down() : undefined));
    const audit = bed.audit([sink], { retryDelayMs: 100_000 });
    for (let index = 0; index < 1_200; index++) audit.record(message());
    await audit.flush();
    expect(lane(audit)).toMatchObject({ spilled: 1_200, queued: 0 });
    isDown = false;
    await audit.flush();
    expect(sink.sequences).toEqual(upTo(1_200));
    expect(bed.said.filter((text) => text.includes('still queued'))).toEqual([]);
    await bed.close(audit);
  });

  test('audit.stop is the last event on disk, too', async () => {
    const bed = new SpillBed();
    const first = bed.audit([new RecordingAdapter('sink', down)]);
    await first.start();
    first.record(security());
    await bed.close(first);
    const sink = new RecordingAdapter('sink');
    const second = bed.audit([sink]);
    await second.start();
    await bed.close(second);
    expect(sink.events.map(({ details }) => details.action)).toEqual(['audit.start', 'auth.failed', 'audit.stop', 'audit.start', 'audit.stop']);
    expect(sink.events[0]!.details.metadata).toMatchObject({ spill: true });
  });
});

describe('log() with a spill', () => {
  test('durable: resolves once the spill has synced the event, for a sink that is down', async () => {
    const bed = new SpillBed();
    const audit = bed.audit([new RecordingAdapter('sink', down)]);
    await audit.log(security());
    expect(lane(audit)).toMatchObject({ spilled: 1, delivered: 0 });
    const [path] = segments(bed);
    // Synced, not only written: a loss of power leaves it.
    expect(bed.disk.restart(() => 0).contents(path!).toString()).toContain('auth.failed');
    await bed.close(audit);
  });

  test('best-effort: so it does, because the spill keeps what it was asked for and more; other lanes are waited for', async () => {
    const bed = new SpillBed();
    let release: () => void = () => undefined;
    const slow = new RecordingAdapter('slow', () => new Promise((resolve) => (release = resolve)));
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink, slow], { deliveryTimeoutMs: 100_000 });
    let isHeld = false;
    const logging = audit.log(message()).then(() => (isHeld = true));
    await bed.until('it is on disk', () => lane(audit).spilled === 1);
    sink.answer = () => undefined;
    await bed.until('it is delivered as well', () => lane(audit).delivered === 1, 50);
    expect(isHeld).toBe(false);
    release();
    await logging;
    await bed.close(audit);
  });

  test('fail-closed: is refused once the event goes to the spill; a durable sink that takes it is needed', async () => {
    const bed = new SpillBed();
    const file = Object.assign(new RecordingAdapter('file', down), { durable: true });
    const audit = bed.audit([file, new RecordingAdapter('console')], { delivery: { connection: 'fail-closed' } });
    await expect(audit.log(security())).rejects.toMatchObject({ reason: 'audit_unavailable' });
    expect(lane(audit).spilled).toBe(1);
    file.answer = () => undefined;
    await bed.until('it is delivered later', () => lane(audit).delivered === 1, 50);
    await audit.log(security());
    expect(file.sequences).toEqual([1, 2]);
    await bed.close(audit);
  });

  test('no warning at start about what is not durable', async () => {
    const bed = new SpillBed();
    const audit = bed.audit([new RecordingAdapter('sink')]);
    await audit.start();
    expect(bed.said).toEqual([]);
    await bed.close(audit);
  });
});

describe('on a real disk', () => {
  test('folders are 0700, files 0600; a second living process takes a folder of its own, and its remains are delivered by whoever comes', async () => {
    const folder = temporaryFolder();
    const make = (adapter: RecordingAdapter, options = {}): AuditLogger =>
      new AuditLogger({ serviceId: 'orders', adapters: [adapter], logger: new RecordingLogger(), retryDelayMs: 20, flushMs: 500, context: { paths: { logsDir: folder.path, keysDir: '', runtimeDir: '' } }, spill: true, ...options });
    try {
      const [one, other] = [make(new RecordingAdapter('sink', down)), make(new RecordingAdapter('sink', down))];
      await one.log(security('first'));
      await other.log(security('second'));
      const spill = join(folder.path, 'spill', 'orders');
      expect(readdirSync(spill).sort()).toEqual(['sink', 'sink~2']);
      for (const name of ['sink', 'sink~2']) {
        expect(statSync(join(spill, name)).mode & 0o777).toBe(0o700);
        const files = readdirSync(join(spill, name)).filter((file) => !file.endsWith('.sock'));
        expect(files.sort()).toEqual(['cursor', 'spill-0000000001.jsonl']);
        for (const file of files) expect(statSync(join(spill, name, file)).mode & 0o777).toBe(0o600);
      }
      await Promise.all([one.close(), other.close()]);
      const sink = new RecordingAdapter('sink');
      const next = make(sink);
      await next.start();
      await next.close();
      expect(sink.events.map(({ details }) => details.action)).toEqual(['first', 'second', 'audit.start', 'audit.stop']);
      expect(lane(next)).toMatchObject({ recovered: 2, delivered: 4, spilled: 0 });
      expect(readdirSync(join(spill, 'sink'))).toEqual(['cursor']);
      expect(readdirSync(join(spill, 'sink~2'))).toEqual(['cursor']);
    } finally {
      folder.remove();
    }
  });
});

test('options of the spill are checked, by path', () => {
  const problems = (options: object): string[] => {
    try {
      new AuditLogger({ adapters: [new RecordingAdapter()], ...options });
    } catch (error) {
      return ((error as MeshError).details as { problems: string[] }).problems.map((problem) => problem.split(':')[0]!);
    }
    return [];
  };
  expect(problems({ spill: true })).toEqual(['spill.directory']);
  expect(problems({ spill: { directory: '', maxBytes: 12 } })).toEqual(['spill.directory', 'spill.maxBytes']);
  expect(problems({ spill: 'yes', onDeadLetter: 1 })).toEqual(['onDeadLetter', 'spill']);
  expect(problems({ spill: false })).toEqual([]);
  expect(problems({ spill: true, context: { paths: { logsDir: '/l' } } })).toEqual([]);
});
