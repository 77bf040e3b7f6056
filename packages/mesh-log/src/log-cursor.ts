import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode, type FileSystem } from './file-system.js';
import { GivenOut } from './given-out.js';
import { leafHash } from './leaf.js';
import { fits, type EventFilter } from './log-filter.js';
import { parseEventRecord, type EventRecord } from './logged-event.js';
import { endedBefore, headOf, newestOf, recordsOf } from './query.js';
import { recordPrefix } from './record.js';
import { listSegments, parseHeader, segmentName, type SegmentFile } from './segment.js';
import type { SegmentHead } from './segment-head.js';
import { readLines } from './segment-lines.js';

const CHECKPOINT = '{"checkpoint":"';

/** A place between two lines of a log. */
interface Position {
  /** Number of the segment; 0 before the first. */
  readonly segment: number;
  readonly offset: number;
  /** What the next record must begin with: whether what is read follows what was read. Absent where nothing was. */
  readonly prefix?: string;
  /** Where the last checkpoint begins: a commit that fails never cuts the segment back beyond it. */
  readonly safeOffset: number;
  /** An event of the segment was given out. */
  readonly gave: boolean;
}

const BEGINNING: Position = { segment: 0, offset: 0, safeOffset: 0, gave: false };

/**
 * Reads on in one log while it is written, over rotation, compression and retirement. It sees lines before they are durable: where their
 * commit fails and is made again, behind them or in the next segment, it does not give them out twice.
 */
export class LogCursor {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #given = new GivenOut();
  #position: Position = BEGINNING;
  /** In the segment before: where to go on if this one was never finished and is taken away. */
  #before: Position = BEGINNING;
  /** The segment is compressed, thus complete, and was read. */
  #finished = false;

  /** Stands before the first record. */
  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** Goes to the present end. @returns the newest events that fit, at most `count`, oldest first */
  async last(count: number, filter: EventFilter): Promise<EventRecord[]> {
    const ends = new Map<number, number>();
    let found: EventRecord[] = [];
    let next: SegmentHead | undefined;
    for (const file of (await this.#list()).reverse()) {
      if (next !== undefined && (found.length >= count || endedBefore(next.openedAt, filter.since))) break;
      const head = await headOf(this.#fileSystem, file);
      if (head === undefined) continue;
      if (next === undefined) this.#enter(file.number);
      const events = next === undefined ? fitting(this.read(), filter) : recordsOf(this.#fileSystem, file, ends.get(file.number), filter);
      found = [...(await newestOf(count - found.length, events)), ...found];
      for (const { segment, bytes } of head.header.abandoned) ends.set(segment, bytes);
      next = head;
    }
    return found;
  }

  /** The events between here and the present end. @throws MeshError `log_tampered` where the log was changed other than by its writer */
  async *read(): AsyncGenerator<EventRecord, void, undefined> {
    // Listed first: what stands in a segment before the next one is there is all of it.
    const files = await this.#list();
    if (this.#position.segment > 0 && !(yield* this.#readOn())) this.#afterRemoval(files);
    for (const { number } of files) {
      if (number <= this.#position.segment) continue;
      this.#enter(number);
      yield* this.#readOn();
    }
  }

  /** What is new in the segment. @returns false where it is no longer there */
  async *#readOn(): AsyncGenerator<EventRecord, boolean, undefined> {
    if (this.#finished) return true;
    for (;;) {
      const file = await this.#locate();
      if (file === undefined) return false;
      if (!file.compressed && file.bytes === this.#position.offset) return true;
      if (!file.compressed && file.bytes < this.#position.offset) this.#cutBack(file);
      try {
        const fitted = yield* this.#readLines(file);
        if (fitted) {
          this.#finished = file.compressed;
          return true;
        }
        this.#goBack();
      } catch (error) {
        // Compressed, or retired, since it was located.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
  }

  /** @returns false where the first record does not follow the last one that was read: the segment was cut back and written on meanwhile */
  async *#readLines(file: SegmentFile): AsyncGenerator<EventRecord, boolean, undefined> {
    let { prefix } = this.#position;
    for await (const { lines, offset } of readLines(this.#fileSystem, file, undefined, this.#position.offset)) {
      let start = offset;
      for (const line of lines) {
        const end = start + line.length + 1;
        const kind = start === 0 ? 'header' : startsWith(line, CHECKPOINT) ? 'checkpoint' : 'record';
        if (kind === 'record' && prefix !== undefined) {
          if (!startsWith(line, prefix)) return false;
          prefix = undefined;
        }
        const record = this.#take(kind, line, start, end);
        if (record !== undefined) yield record;
        start = end;
      }
      if (lines.length > 0) this.#expectAfter(lines);
    }
    return true;
  }

  #take(kind: 'header' | 'checkpoint' | 'record', line: Buffer, start: number, end: number): EventRecord | undefined {
    const { segment, safeOffset, gave } = this.#position;
    this.#position = { ...this.#position, offset: end, safeOffset: kind === 'checkpoint' ? start : safeOffset };
    if (kind === 'header') this.#given.settle(parseHeader(line).abandoned);
    if (kind === 'checkpoint') this.#given.settle([]);
    const record = kind === 'record' ? parseEventRecord(line) : undefined;
    if (record === undefined) return undefined;
    if (!gave) this.#position = { ...this.#position, gave: true };
    return this.#given.isRepeated(line, { n: record.n, segment, end }) ? undefined : record;
  }

  /** Only where reading pauses does the next record have to fit: inside of a file that was read in one go it does. */
  #expectAfter(lines: readonly Buffer[]): void {
    const last = lines.findLast((line) => startsWith(line, '{"n":'));
    const n = last === undefined ? Number.NaN : Number(/^\{"n":(\d+),/.exec(last.toString('latin1', 0, 32))?.[1]);
    if (last !== undefined && Number.isSafeInteger(n)) this.#position = { ...this.#position, prefix: recordPrefix(n + 1, leafHash(last).toString('base64')) };
  }

  /** A full disk: the commit that failed was cut away again. */
  #cutBack({ bytes, name }: SegmentFile & { readonly bytes: number }): void {
    if (bytes < this.#position.safeOffset && this.#position.gave) throw new MeshError('log_tampered', `'${name}' in '${this.#directory}' became shorter while it was read`);
    if (bytes < this.#position.safeOffset) this.#enter(this.#position.segment);
    else this.#goBack();
  }

  #goBack(): void {
    const { segment, safeOffset, gave } = this.#position;
    this.#given.takeBack();
    this.#position = { segment, offset: safeOffset, safeOffset, gave };
  }

  #enter(segment: number): void {
    if (segment !== this.#position.segment) this.#before = this.#position;
    this.#position = { ...BEGINNING, segment };
    this.#finished = false;
  }

  /** The segment is gone: it was retired, or its creation failed, or somebody put another log in its place. */
  #afterRemoval(files: readonly SegmentFile[]): void {
    const { segment, gave } = this.#position;
    if (files.some(({ number }) => number > segment)) return;
    if (!gave && this.#before.segment > 0) this.#position = this.#before;
    else if (files.length > 0) this.#position = BEGINNING;
  }

  /** Where the segment is: plain, or compressed since. */
  async #locate(): Promise<(SegmentFile & { readonly bytes: number }) | undefined> {
    const name = segmentName(this.#position.segment);
    for (const compressed of [false, true]) {
      const path = join(this.#directory, compressed ? `${name}.gz` : name);
      const status = await this.#fileSystem.status(path);
      if (status !== undefined) return { number: this.#position.segment, name, path, compressed, bytes: status.size };
    }
    return undefined;
  }

  async #list(): Promise<SegmentFile[]> {
    try {
      return await listSegments(this.#fileSystem, this.#directory);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

async function* fitting(records: AsyncIterable<EventRecord>, filter: EventFilter): AsyncGenerator<EventRecord, void, undefined> {
  for await (const record of records) if (fits(record.event, filter)) yield record;
}

const startsWith = (line: Buffer, text: string): boolean => line.toString('latin1', 0, text.length) === text;
