import { NO_LEAF, sha256 } from './leaf.js';
import { recordPrefix } from './record.js';
import type { AbandonedSegment } from './segment.js';

interface Given {
  readonly segment: number;
  /** Where its line ends in the segment. */
  readonly end: number;
  /** Of the event alone: index and chain may be others the next time. */
  readonly digest: string;
}

/** Far more than stand between two checkpoints of a healthy log. */
const MAX_GIVEN = 200_000;

/**
 * Which events a reader gave out that no checkpoint vouches for yet. Their commit may fail; then the writer makes it again, in the same order
 * and before anything else, and the reader must not give them out twice.
 */
export class GivenOut {
  /** Behind the last checkpoint, in order. */
  #recent: Given[] = [];
  /** Of those that failed: what may come again, in order, from {@link #at} on. */
  #again: string[] = [];
  #at = 0;

  /** Takes an event's line. @returns whether it was given out before */
  isRepeated(line: Buffer, { n, segment, end }: { readonly n: number; readonly segment: number; readonly end: number }): boolean {
    const digest = sha256(line.subarray(recordPrefix(n, NO_LEAF).length)).toString('base64');
    const index = this.#again.indexOf(digest, this.#at);
    // What its caller took back meanwhile does not come again; behind a new event nothing does.
    if (index < 0) this.#again = [];
    this.#at = index + 1;
    if (this.#recent.length >= MAX_GIVEN) this.#recent = this.#recent.slice(MAX_GIVEN / 2);
    this.#recent.push({ segment, end, digest });
    return index >= 0;
  }

  /** All of them are durable, but for those behind the end of a segment that was given up: these may come again. */
  settle(abandoned: readonly AbandonedSegment[]): void {
    const failed = this.#recent.filter(({ segment, end }) => abandoned.some((each) => each.segment === segment && end > each.bytes));
    this.#mayComeAgain(failed);
  }

  /** None of them counts: the segment was cut back to the last checkpoint, or a part of them was; the others come again, too. */
  takeBack(): void {
    this.#mayComeAgain(this.#recent);
  }

  #mayComeAgain(failed: readonly Given[]): void {
    if (failed.length > 0) [this.#again, this.#at] = [failed.map(({ digest }) => digest).concat(this.#again.slice(this.#at)), 0];
    this.#recent = [];
  }
}
