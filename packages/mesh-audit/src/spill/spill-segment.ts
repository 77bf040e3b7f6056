/** A place in a spill: so many bytes of a segment, all of those before it included. */
export interface SpillPosition {
  readonly segment: number;
  readonly offset: number;
}

/** One file of a spill, as far as it counts. */
export interface SpillSegment {
  readonly number: number;
  readonly path: string;
  /** Bytes of whole lines that are on the disk for sure; what may stand behind them was never acknowledged. */
  size: number;
  /** Bytes that the file takes. */
  fileBytes: number;
  /** Events in it that were not read yet, damaged lines included. */
  unread: number;
}

const NAME = /^spill-(\d{10})\.jsonl$/;

export const segmentName = (number: number): string => `spill-${String(number).padStart(10, '0')}.jsonl`;

/** @returns `undefined` where a file is no segment */
export function segmentNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export const isBefore = (one: SpillPosition, other: SpillPosition): boolean => one.segment < other.segment || (one.segment === other.segment && one.offset < other.offset);
