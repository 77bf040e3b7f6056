import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from '@lemur-bookstores/mesh-log';
import type { StampedEvent } from '../event-stamper.js';
import { turnEnd } from '../turn-end.js';
import type { SpillCursor } from './spill-cursor.js';
import { encodeSpillLine } from './spill-line.js';
import { SpillReader, type SpillItem } from './spill-reader.js';
import type { SpillRemains } from './spill-scan.js';
import { isBefore, type SpillPosition, type SpillSegment } from './spill-segment.js';
import { SpillWriter } from './spill-writer.js';

/** What a spill works on. */
export interface SpillPlace {
  /** Claimed: nobody else writes there. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Bytes on the disk, at most. */
  readonly maxBytes: number;
}

/** A segment is begun anew beyond this, so that what was delivered can be deleted. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Events that are encoded in one turn of the event loop, about a millisecond; more where many wait, or those that come would be faster. */
const SLICE = 384;
const MAX_SLICES = 4;

/** A queue of events on disk, which outlives this process: appended at its end, read from its head, consumed in order. */
export class Spill {
  readonly #place: SpillPlace;
  readonly #cursor: SpillCursor;
  readonly #writer: SpillWriter;
  readonly #reader: SpillReader;
  /** In order; what was consumed is deleted and no longer here. */
  readonly #segments: SpillSegment[];
  #events: number;
  #appending = false;
  #deleting: Promise<void> = Promise.resolve();

  constructor(place: SpillPlace, cursor: SpillCursor, { segments, offset, highest }: SpillRemains) {
    const { fileSystem, directory, clock, maxBytes } = place;
    this.#place = place;
    this.#cursor = cursor;
    this.#segments = segments;
    this.#events = segments.reduce((sum, { unread }) => sum + unread, 0);
    this.#writer = new SpillWriter(fileSystem, directory, Math.min(SEGMENT_BYTES, Math.ceil(maxBytes / 8)), highest);
    this.#reader = new SpillReader(fileSystem, clock, { segment: segments[0]?.number ?? highest, offset });
  }

  /** Events on disk that were not consumed. */
  get events(): number {
    return this.#events;
  }

  /** Bytes on the disk. */
  get bytes(): number {
    const { current } = this.#writer;
    // A segment whose first batch failed is not among the others yet.
    const begun = current === undefined || this.#segments.at(-1) === current ? 0 : current.fileBytes;
    return this.#segments.reduce((sum, { fileBytes }) => sum + fileBytes, begun);
  }

  /** Whether {@link Spill.read} has something to give. */
  get hasUnread(): boolean {
    return this.#nextSegment() !== undefined;
  }

  /**
   * Makes entries durable, in order, as many as there is room for.
   * @param known the caller keeps them in memory: {@link Spill.read} passes over them. Only where nothing is unread
   * @param isWanted asked at the end: what is not wanted any more is taken back, as if it had failed
   * @param onWritten told the places behind those that are on disk now, in the turn in which they count
   * @returns how many those are; 0 where the spill is full
   * @throws MeshError `spill_failed`: none of them is
   */
  async append(entries: readonly StampedEvent[], known: boolean, isWanted: () => boolean, onWritten: (ends: readonly SpillPosition[]) => void): Promise<number> {
    const lines: string[] = [];
    const lengths: number[] = [];
    let [events, room] = [0, this.#place.maxBytes - this.bytes];
    const slice = Math.max(SLICE, Math.ceil(entries.length / MAX_SLICES));
    for (const entry of entries) {
      if (lines.length % slice === slice - 1) await turnEnd();
      const line = encodeSpillLine(entry);
      const length = Buffer.byteLength(line);
      if (length > room) break;
      room -= length;
      lines.push(line);
      lengths.push(length);
      if (entry.kind === 'event') events++;
    }
    if (lines.length === 0) return 0;
    let segment: SpillSegment;
    this.#appending = true;
    try {
      segment = await this.#writer.append(Buffer.from(lines.join('')), known ? 0 : events, isWanted);
    } finally {
      this.#appending = false;
      this.#deleteConsumed();
    }
    if (this.#segments.at(-1) !== segment) this.#segments.push(segment);
    this.#events += events;
    let offset = segment.size - lengths.reduce((sum, length) => sum + length, 0);
    const positions = lengths.map((length) => ({ segment: segment.number, offset: (offset += length) }));
    if (known) this.#reader.skip(positions.at(-1)!);
    onWritten(positions);
    return positions.length;
  }

  /**
   * The next item; `undefined` where nothing is unread. One call at a time.
   * @throws Node's error where the file cannot be read; {@link Spill.giveUp} passes over it
   */
  async next(): Promise<SpillItem | undefined> {
    for (let segment = this.#nextSegment(); segment !== undefined; segment = this.#nextSegment()) {
      const item = await this.#reader.next(segment);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  /** Takes as lost what is left of the segment at the head, which cannot be read. */
  giveUp(): SpillItem | undefined {
    const segment = this.#nextSegment();
    return segment === undefined ? undefined : this.#reader.giveUp(segment);
  }

  /** Events that an item said are lost count no longer. */
  forget(events: number): void {
    this.#events -= events;
  }

  /** An item is done with: in order. Files with nothing else in them are deleted. */
  consume(end: SpillPosition, events: 0 | 1): void {
    this.#events -= events;
    this.#cursor.move(end);
    this.#deleteConsumed();
  }

  /** Leaves what was not consumed to the next process. */
  async close(): Promise<void> {
    await this.#reader.close();
    await this.#writer.endSegment();
    await this.#deleting;
    await this.#cursor.close();
  }

  #nextSegment(): SpillSegment | undefined {
    const at = this.#reader.at;
    return this.#segments.find(({ number, size, unread }) => isBefore(at, { segment: number, offset: size }) || (number === at.segment && unread > 0));
  }

  #deleteConsumed(): void {
    for (let head = this.#segments[0]; head !== undefined && this.#isDone(head, this.#cursor.position); head = this.#segments[0]) {
      this.#segments.shift();
      this.#delete(head);
    }
  }

  /** Whether nothing in it is before `end`, and nothing is being written to it. */
  #isDone(segment: SpillSegment, end: SpillPosition): boolean {
    if (isBefore(end, { segment: segment.number, offset: segment.size })) return false;
    return !(this.#appending && this.#writer.current === segment);
  }

  #delete(segment: SpillSegment): void {
    // At once: the next batch must not go there.
    const ended = this.#writer.current === segment ? this.#writer.endSegment() : undefined;
    this.#deleting = this.#deleting.then(async () => {
      await ended;
      // One that stays is deleted by the next process: the cursor has passed it.
      await this.#place.fileSystem.unlink(segment.path).catch(() => undefined);
    });
  }
}
