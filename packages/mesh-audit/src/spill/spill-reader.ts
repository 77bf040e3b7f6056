import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { FileSystem, LogFile } from '@lemur-bookstores/mesh-log';
import type { StampedEvent } from '../event-stamper.js';
import { decodeSpillLine } from './spill-line.js';
import { spillLines, type SpillLine } from './spill-lines.js';
import type { SpillPosition, SpillSegment } from './spill-segment.js';

/** Events that the spill had and cannot give back. */
export interface SpillLoss {
  readonly count: number;
  /** Sequence numbers of the events before and after, as far as they could be read. */
  readonly after: number | undefined;
  readonly before: number | undefined;
}

/** What comes next in a spill: an entry, or the loss of some; and the place behind it. */
export type SpillItem = ({ readonly entry: StampedEvent } | { readonly loss: SpillLoss }) & { readonly end: SpillPosition };

interface OpenFile {
  readonly segment: SpillSegment;
  readonly file: LogFile;
  /** From where it was opened at up to `to`. */
  readonly lines: AsyncGenerator<SpillLine, void>;
  readonly to: number;
}

/** Reads a spill from its head, line by line; a line that is damaged is passed over and counted. */
export class SpillReader {
  readonly #fileSystem: FileSystem;
  readonly #clock: Clock;
  #at: SpillPosition;
  #open: OpenFile | undefined;
  #lastSequence: number | undefined;
  #damaged: { readonly after: number | undefined } | undefined;

  constructor(fileSystem: FileSystem, clock: Clock, at: SpillPosition) {
    this.#fileSystem = fileSystem;
    this.#clock = clock;
    this.#at = at;
  }

  /** Everything before this was read. */
  get at(): SpillPosition {
    return this.#at;
  }

  /**
   * The next item of a segment that has one.
   * @throws Node's error where the file cannot be read
   */
  async next(segment: SpillSegment): Promise<SpillItem | undefined> {
    if (this.#at.segment !== segment.number) this.#at = { segment: segment.number, offset: 0 };
    while (this.#at.offset < segment.size) {
      const open = await this.#openAt(segment);
      const line = await this.#nextLine(open);
      if (line === undefined) {
        await this.close();
        // Where the segment has not grown meanwhile, the file is no longer what it was.
        if (open.to === segment.size) break;
        continue;
      }
      this.#at = { segment: segment.number, offset: line.end };
      const entry = decodeSpillLine(line.bytes, this.#clock);
      if (entry === undefined) {
        this.#damaged ??= { after: this.#lastSequence };
        continue;
      }
      this.#lastSequence = entry.event.sequence;
      if (entry.kind === 'event') segment.unread--;
      return { entry, end: this.#at };
    }
    return segment.unread > 0 ? this.giveUp(segment) : undefined;
  }

  /** What was not read of a segment counts as lost. */
  giveUp(segment: SpillSegment): SpillItem {
    const count = segment.unread;
    segment.unread = 0;
    this.#at = { segment: segment.number, offset: segment.size };
    const loss = { count, after: this.#damaged === undefined ? this.#lastSequence : this.#damaged.after, before: this.#lastSequence };
    this.#damaged = undefined;
    return { loss, end: this.#at };
  }

  /** What stands up to here is known already. */
  skip(to: SpillPosition): void {
    this.#at = to;
    void this.close();
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.lines.return();
    await open?.file.close().catch(() => undefined);
  }

  async #nextLine({ lines }: OpenFile): Promise<SpillLine | undefined> {
    try {
      return (await lines.next()).value ?? undefined;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #openAt(segment: SpillSegment): Promise<OpenFile> {
    if (this.#open?.segment === segment) return this.#open;
    await this.close();
    const file = await this.#fileSystem.open(segment.path, 'read');
    this.#open = { segment, file, lines: spillLines(file, this.#at.offset, segment.size), to: segment.size };
    return this.#open;
  }
}
