// Files of a spill that somebody or something changed, and disks that fail: what can be read is delivered, the rest is counted and said.
import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import type { FileSystem } from '@lemur-bookstores/mesh-log';
import { SimulatedDisk, type DiskFault, type DiskStep } from '../../../mesh-log/test/support/simulated-disk.js';
import type { AuditLogger } from '../../src/audit-logger.js';
import { message, RecordingAdapter, security, turns } from '../support.js';
import { DIRECTORY, imbalance, lane, SlowDisk, SpillBed } from './spilling.js';

const down = (): Promise<void> => Promise.reject(new Error('down'));
const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => index + from);
const segmentsOf = (bed: SpillBed): string[] => bed.disk.paths.filter((path) => /spill-\d+\.jsonl$/.test(path));
const events = (sink: RecordingAdapter): number[] => sink.events.filter(({ details }) => details.action !== 'audit.gap').map(({ sequence }) => sequence);
const gaps = (sink: RecordingAdapter): unknown[] => sink.events.filter(({ details }) => details.action === 'audit.gap').map(({ details }) => details.metadata);

/** A bed whose one spill holds 20 events, left by a process that ended. */
async function left(options: { readonly kill?: boolean; readonly count?: number } = {}): Promise<SpillBed> {
  const bed = new SpillBed();
  const audit = bed.audit([new RecordingAdapter('sink', down)]);
  for (let index = 0; index < (options.count ?? 20); index++) audit.record(message());
  await bed.until('all is on disk', () => lane(audit).queued === 0);
  if (options.kill === true) bed.kill();
  else await bed.close(audit);
  return bed;
}

async function next(bed: SpillBed): Promise<{ readonly sink: RecordingAdapter; readonly audit: AuditLogger }> {
  const sink = new RecordingAdapter('sink');
  const audit = bed.audit([sink]);
  audit.record(security());
  await bed.until('all is delivered', () => lane(audit).delivered > 0 && lane(audit).spilled + lane(audit).queued === 0 && events(sink).at(-1) === 1, 50);
  expect(imbalance(lane(audit))).toBe(0);
  await bed.close(audit);
  return { sink, audit };
}

/** Changes the one segment of a bed. */
function change(bed: SpillBed, how: (lines: string[]) => string): void {
  const [path] = segmentsOf(bed) as [string];
  bed.disk.replace(path, Buffer.from(how(bed.disk.contents(path).toString('latin1').split('\n').slice(0, -1)), 'latin1'));
}
const whole = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

describe('what the next process finds', () => {
  test.each([
    ['half of the last line', (lines: string[]) => `${whole(lines)}0a1b2c3d e {"id":"x","seq`, upTo(20), 0],
    ['a last line without its newline', (lines: string[]) => lines.join('\n'), upTo(19), 0],
    ['zeros behind the last line', (lines: string[]) => `${whole(lines)}${'\0'.repeat(500)}`, upTo(20), 0],
  ])('%s: a torn end is no loss and no gap', async (_what, how, expected, dropped) => {
    const bed = await left();
    change(bed, how);
    const { sink, audit } = await next(bed);
    expect(events(sink)).toEqual([...expected, 1]);
    expect(gaps(sink)).toEqual([]);
    expect(lane(audit)).toMatchObject({ dropped, recovered: expected.length });
  });

  test.each([
    ['a flipped bit', (line: string) => line.replace('message.sent', 'message.semt')],
    ['a flipped bit in the check', (line: string) => `${line.startsWith('f') ? 'e' : 'f'}${line.slice(1)}`],
    ['an empty line', () => ''],
    ['garbage', () => '\0\xff nonsense'],
    ['another kind', (line: string) => line.replace(' e ', ' g ')],
    ['a line that is right and no event', () => `${crc32('e {"id":1}').toString(16).padStart(8, '0')} e {"id":1}`],
  ])('%s in the middle: the line is passed over, counted, and leaves a gap record', async (_what, how) => {
    const bed = await left();
    change(bed, (lines) => whole(lines.map((line, index) => (index === 9 || index === 10 ? how(line) : line))));
    const { sink, audit } = await next(bed);
    expect(events(sink)).toEqual([...upTo(9), ...upTo(9, 12), 1]);
    expect(gaps(sink)).toEqual([{ count: 2, fromSequence: 9, toSequence: 20 }]);
    expect(lane(audit)).toMatchObject({ emitted: 21, recovered: 20, delivered: 19, dropped: 2 });
    expect(bed.said).toContain('audit adapter sink loses events: the spill is damaged');
  });

  test('nothing but damage, and a line without an end: it is not blocked', async () => {
    const bed = await left();
    change(bed, () => `${'x'.repeat(5_000_000)}\n${'y'.repeat(100)}\n`);
    const { sink, audit } = await next(bed);
    expect(events(sink)).toEqual([1]);
    expect(lane(audit).dropped).toBeGreaterThanOrEqual(2);
    expect(gaps(sink)).toHaveLength(1);
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['garbage', 'x'.repeat(128)],
    ['of another place', `${'9 999 999 1'.padEnd(63)}\n${'8 7 6 5'.padEnd(63)}\n`],
  ])('a cursor that is %s: everything comes again, nothing is lost', async (_what, contents) => {
    const bed = await left();
    bed.disk.replace(`${DIRECTORY}/sink/cursor`, contents === undefined ? undefined : Buffer.from(contents));
    const { sink } = await next(bed);
    expect(events(sink)).toEqual([...upTo(20), 1]);
  });

  test('files that are none of its own stay untouched', async () => {
    const bed = await left();
    const others = ['spill-1.jsonl', 'spill-0000000001.jsonl.gz', 'dead-letters.jsonl', 'notes.txt'].map((name) => `${DIRECTORY}/sink/${name}`);
    for (const path of others) bed.disk.replace(path, Buffer.from('mine'));
    await next(bed);
    for (const path of others) expect(bed.disk.contents(path).toString()).toBe('mine');
  });
});

describe('while it runs', () => {
  /** A lane that holds 20 events on disk and whose adapter is down. */
  async function spilling(bed = new SpillBed()): Promise<{ bed: SpillBed; sink: RecordingAdapter; audit: AuditLogger }> {
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink], { batch: 5 });
    for (let index = 0; index < 20; index++) audit.record(message());
    await bed.until('all is on disk', () => lane(audit).spilled === 20);
    return { bed, sink, audit };
  }
  async function recovered({ bed, sink, audit }: { bed: SpillBed; sink: RecordingAdapter; audit: AuditLogger }): Promise<void> {
    sink.answer = () => undefined;
    audit.record(security());
    await bed.until('all is done', () => lane(audit).spilled + lane(audit).queued === 0 && events(sink).includes(21), 200);
    expect(imbalance(lane(audit))).toBe(0);
    await bed.close(audit);
  }

  test('a segment that is deleted: its events are counted as lost, with a gap record, and the lane goes on', async () => {
    const { bed, sink, audit } = await spilling();
    for (const path of segmentsOf(bed)) bed.disk.replace(path, undefined);
    await recovered({ bed, sink, audit });
    // What was in flight is in memory, too.
    const lost = lane(audit).dropped;
    expect(lost).toBeGreaterThan(0);
    expect(events(sink)).toEqual([...upTo(20 - lost), 21]);
    expect(gaps(sink)).toMatchObject([{ count: lost }]);
  });

  test('a file that is replaced while it is written: what comes afterwards goes to another one', async () => {
    const { bed, sink, audit } = await spilling();
    const [path] = segmentsOf(bed) as [string];
    bed.disk.replace(path, bed.disk.contents(path));
    audit.record(message());
    await bed.until('it is on disk', () => lane(audit).spilled === 21, 50);
    expect(segmentsOf(bed)).toHaveLength(2);
    sink.answer = () => undefined;
    await bed.until('all is delivered', () => lane(audit).delivered === 21, 200);
    expect(events(sink)).toEqual(upTo(21));
    await bed.close(audit);
  });

  test('damaged lines: what can be read is delivered, as many as are missing are lost', async () => {
    const { bed, sink, audit } = await spilling();
    change(bed, (lines) => whole(lines.map((line, index) => (index === 12 ? line.replace('message', 'massage') : line))));
    await recovered({ bed, sink, audit });
    expect(events(sink)).toEqual([...upTo(12), ...upTo(7, 14), 21]);
    expect(gaps(sink)).toMatchObject([{ count: 1 }]);
  });

  const UNWRITTEN = 'the spill of audit adapter sink cannot be written: events wait in memory';
  const faults = (how: DiskFault, when: (step: DiskStep) => boolean): { bed: SpillBed; stop: () => void } => {
    let isOn = true;
    return { bed: new SpillBed(new SimulatedDisk((step) => (isOn && when(step) ? how : undefined))), stop: () => (isOn = false) };
  };

  test.each([
    ['full', 'full', ({ kind, path }: DiskStep) => kind === 'write' && path.includes('spill-')],
    ['full for new files', 'full', ({ kind, path }: DiskStep) => kind === 'create' && path.includes('spill-')],
    ['one that fails to write', 'fail', ({ kind, path }: DiskStep) => kind === 'write' && path.includes('spill-')],
    ['one that fails to sync', 'fail', ({ kind, path }: DiskStep) => kind === 'sync' && path.includes('spill-')],
    ['one that fails to sync folders', 'fail', ({ kind }: DiskStep) => kind === 'syncDirectory', 'audit adapter sink has no spill now: events wait in memory' as string],
  ] as const)('a disk that is %s: said once, loudly; events wait in memory; once it works they go to disk', async (_what, how, when, said: string = UNWRITTEN) => {
    const { bed, stop } = faults(how, when);
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink], { laneEvents: 15 });
    for (let index = 0; index < 20; index++) audit.record(message());
    for (let index = 0; index < 40; index++) await bed.clock.advance(100);
    expect(lane(audit)).toMatchObject({ queued: 15, spilled: 0, dropped: 5 });
    const loud = bed.logger.lines.filter(({ level, message: text }) => level === 'error' && !text.includes('loses events'));
    expect(loud.map(({ message: text }) => text)).toEqual([said]);
    expect(loud[0]!.fields!['error']).toMatch(/^spill_failed: .*'\/spill\/sink.*\((ENOSPC|EIO)\)$/);
    stop();
    await bed.until('all is on disk', () => lane(audit).spilled === 15, 100);
    sink.answer = () => undefined;
    await bed.until('all is delivered', () => lane(audit).delivered === 15, 200);
    expect(events(sink)).toEqual(upTo(15));
    expect(gaps(sink)).toEqual([{ count: 5, fromSequence: 16, toSequence: 20 }]);
    await bed.close(audit);
  });

  test('while the disk fails an adapter that is well again gets everything from memory', async () => {
    const { bed } = faults('full', ({ kind, path }) => kind === 'write' && path.includes('spill-'));
    const sink = new RecordingAdapter('sink', down);
    const audit = bed.audit([sink]);
    for (let index = 0; index < 20; index++) audit.record(message());
    await bed.clock.advance(3_000);
    sink.answer = () => undefined;
    await bed.until('all is delivered', () => lane(audit).delivered === 20, 100);
    expect(events(sink)).toEqual(upTo(20));
    await bed.close(audit);
  });

  test('a spill that cannot be opened: events are delivered from memory; it is tried again, and what it held is delivered', async () => {
    const bed = await left();
    let isBroken = true;
    let tries = 0;
    const claimLock = (directory: string): ReturnType<typeof bed.claims.claim> => {
      tries++;
      return isBroken ? Promise.reject(new Error('no')) : bed.claims.claim(directory);
    };
    const sink = new RecordingAdapter('sink');
    const audit = bed.audit([sink], {}, { claimLock });
    audit.record(security());
    await bed.until('it is delivered', () => lane(audit).delivered === 1);
    await bed.clock.advance(20_000);
    expect(tries).toBeGreaterThan(5);
    expect(bed.said.filter((text) => text === 'audit adapter sink has no spill now: events wait in memory').length).toBeLessThanOrEqual(3);
    isBroken = false;
    await bed.until('what it held is delivered', () => lane(audit).delivered === 21, 1_000);
    expect(events(sink)).toEqual([1, ...upTo(20)]);
    await bed.close(audit);
  });

  test.each([
    ['for a while: they are read again', 3, upTo(20), []],
    ['for good: they are lost, and the lane goes on', Infinity, [], [{ count: 20 }]],
  ])('files that cannot be read %s', async (_what, failures, expected, gapsExpected) => {
    const bed = await left();
    let reads = 0;
    const disk = new SlowDisk(() => bed.disk, () => 0);
    const open: FileSystem['open'] = async (path, access) => {
      const file = await disk.open(path, access);
      const isBroken = (): boolean => path.includes('spill-') && ++reads > 1 && reads <= 1 + failures;
      return { ...file, read: (into, position) => (isBroken() ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : file.read(into, position)) };
    };
    const sink = new RecordingAdapter('sink');
    // The first look at the segments succeeds.
    const audit = bed.audit([sink], {}, { fileSystem: { ...disk, open } });
    audit.record(security());
    await bed.until('all is done', () => lane(audit).delivered > 0 && lane(audit).spilled + lane(audit).queued === 0, 500);
    expect(events(sink)).toEqual([...expected, 1]);
    expect(gaps(sink)).toMatchObject(gapsExpected);
    expect(bed.said).toContain('the spill of audit adapter sink cannot be read');
    await bed.close(audit);
  });

  test('at the end: a disk that takes nothing costs what is in memory, counted as dropped, within the bound', async () => {
    const { bed } = faults('full', ({ kind, path }) => kind === 'write' && path.includes('spill-'));
    const audit = bed.audit([new RecordingAdapter('sink', down)]);
    for (let index = 0; index < 10; index++) audit.record(message());
    await bed.close(audit);
    expect(lane(audit)).toMatchObject({ emitted: 10, dropped: 10, queued: 0, spilled: 0 });
    await turns();
    expect(bed.clock.pendingTimers).toBe(0);
  });
});
