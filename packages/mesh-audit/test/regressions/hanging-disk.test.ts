import { expect, test } from '@jest/globals';
import type { FileStatus } from '@lemur-bookstores/mesh-log';
import { SimulatedDisk } from '../../../mesh-log/test/support/simulated-disk.js';
import { imbalance, lane, SpillBed } from '../spill/spilling.js';
import { RecordingAdapter, security, turns } from '../support.js';

const down = (): Promise<void> => Promise.reject(new Error('down'));
const segments = (bed: SpillBed): string[] => bed.disk.paths.filter((path) => path.endsWith('.jsonl'));

/** Gives no answer while it hangs, and all of them afterwards. */
class HangingDisk extends SimulatedDisk {
  #answer: Promise<void> | undefined;
  #resolve: () => void = () => undefined;

  hang(): void {
    this.#answer = new Promise((resolve) => (this.#resolve = resolve));
  }

  wakeUp(): void {
    this.#answer = undefined;
    this.#resolve();
  }

  override async status(path: string): Promise<FileStatus | undefined> {
    await this.#answer;
    return super.status(path);
  }
}

function hangingBed(): { readonly bed: SpillBed; readonly disk: HangingDisk } {
  const disk = new HangingDisk();
  return { bed: new SpillBed(disk), disk };
}

test('a disk that hangs while the spill is opened keeps the adapter waiting for a while, not for ever', async () => {
  const { bed, disk } = hangingBed();
  disk.hang();
  const sink = new RecordingAdapter('sink');
  const audit = bed.audit([sink]);
  for (let index = 0; index < 3; index++) audit.record(security());
  await bed.clock.advance(29_000);
  expect(sink.sequences).toEqual([]);
  await bed.until('it is delivered from memory', () => sink.events.length === 3, 100);
  expect(bed.said).toContain('the disk does not answer: audit adapter sink has no spill yet, events wait in memory');

  disk.wakeUp();
  sink.answer = down;
  audit.record(security());
  await bed.until('the spill is there after all', () => lane(audit).spilled === 1, 100);
  sink.answer = () => undefined;
  await bed.until('all is delivered', () => lane(audit).delivered === 4, 100);
  expect(sink.sequences).toEqual([1, 2, 3, 4]);
  await bed.close(audit);
});

test('an adapter that takes events again gets those that a disk which hangs should have; they do not come twice when it answers', async () => {
  const { bed, disk } = hangingBed();
  const sink = new RecordingAdapter('sink', down);
  const audit = bed.audit([sink]);
  audit.record(security());
  await bed.until('the first is on disk', () => lane(audit).spilled === 1);
  disk.hang();
  audit.record(security());
  audit.record(security());
  await turns(20);
  sink.answer = () => undefined;
  await bed.until('all is delivered', () => lane(audit).delivered === 3, 100);
  expect(sink.sequences).toEqual([1, 2, 3]);
  audit.record(security());
  await turns(20);
  expect(sink.sequences).toEqual([1, 2, 3, 4]);

  disk.wakeUp();
  await turns(20);
  expect(lane(audit)).toMatchObject({ delivered: 4, spilled: 0, queued: 0 });
  expect(imbalance(lane(audit))).toBe(0);
  expect(segments(bed)).toEqual([]);
  sink.answer = down;
  audit.record(security());
  await bed.until('it spills again', () => lane(audit).spilled === 1, 100);
  sink.answer = () => undefined;
  await bed.until('all is delivered', () => lane(audit).delivered === 5, 100);
  expect(sink.sequences).toEqual([1, 2, 3, 4, 5]);
  await bed.close(audit);
});

test('what could not be delivered nor written meanwhile is written once the disk answers', async () => {
  const { bed, disk } = hangingBed();
  const sink = new RecordingAdapter('sink', down);
  const audit = bed.audit([sink]);
  audit.record(security());
  await bed.until('the first is on disk', () => lane(audit).spilled === 1);
  disk.hang();
  for (let index = 0; index < 5; index++) audit.record(security());
  await bed.clock.advance(60_000);
  expect(lane(audit)).toMatchObject({ spilled: 1, queued: 5 });
  disk.wakeUp();
  await bed.until('all is on disk', () => lane(audit).spilled === 6, 100);
  bed.kill();
  const next = new RecordingAdapter('sink');
  const later = bed.audit([next]);
  await later.start();
  await bed.until('all is delivered', () => lane(later).delivered === 7);
  expect(next.sequences.slice(0, 6)).toEqual([1, 2, 3, 4, 5, 6]);
  await bed.close(later);
});

test('an event that is too large for the whole spill does not end spilling for good', async () => {
  const bed = new SpillBed();
  const sink = new RecordingAdapter('sink', down);
  const audit = bed.audit([sink], { redact: { maxStringLength: 60_000 } }, { maxBytes: 65_536 });
  // Six characters each in JSON.
  audit.record({ eventType: 'system', details: { action: 'large', success: true, metadata: { text: '\u0001'.repeat(30_000) } } });
  await bed.until('it finds no room', () => bed.said.some((line) => line.includes('is full')), 100);
  sink.answer = () => undefined;
  await bed.until('it is delivered from memory', () => lane(audit).delivered === 1, 100);
  sink.answer = down;
  audit.record(security());
  await bed.until('the next one goes to disk', () => lane(audit).spilled === 1, 100);
  await bed.close(audit);
});
