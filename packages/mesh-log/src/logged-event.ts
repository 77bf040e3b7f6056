/** One event as it stands in a log. */
export interface LoggedEvent {
  /** The log's folder, relative to the one that was asked for; `''` for that itself. */
  readonly log: string;
  /** Index of the record. */
  readonly n: number;
  /** What was appended, parsed. */
  readonly event: Readonly<Record<string, unknown>>;
}

/** A record of one log that is an event. */
export type EventRecord = Omit<LoggedEvent, 'log'>;

/** Reads a line; `undefined` for whatever is no event: checkpoints, headers, the log's own records, and what is damaged. */
export function parseEventRecord(line: Buffer): EventRecord | undefined {
  const text = line.toString();
  const [, digits, own] = /^\{"n":(\d+),"prev":"[^"]*"(,"log":)?/.exec(text) ?? [];
  if (digits === undefined || own !== undefined) return undefined;
  try {
    const { n: _n, prev: _prev, ...event } = JSON.parse(text) as Record<string, unknown>;
    return { n: Number(digits), event };
  } catch {
    return undefined;
  }
}

/** When an event happened, ms since 1970; NaN where it does not say. */
export const timeOf = (event: LoggedEvent['event']): number => Date.parse(String(event['timestamp']));
