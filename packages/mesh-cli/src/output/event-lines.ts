import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { LoggedEvent } from '@lemur-bookstores/mesh-log';
import { Columns } from './columns.js';
import type { Line, Output, Span } from './output.js';

/** How events are shown. */
export type EventFormat = 'columns' | 'json';

const HEADINGS = ['TIME', 'SERVICE', 'TYPE', 'ACTION', 'RESULT', 'DETAILS'];
/** Of time, service, type, action and result. */
const WIDTHS = [24, 20, 10, 18, 6];
const MAX_WIDTH = 48;
/** Lines of the terminal that an event may take: where it is narrow, one has no room for the details. */
const MAX_LINES = 2;

/** Writes events: aligned columns for a person, or JSON Lines. */
export class EventLines {
  readonly #output: Output;
  readonly #columns: Columns | undefined;
  #count = 0;

  constructor(output: Output, format: EventFormat) {
    this.#output = output;
    this.#columns = format === 'json' ? undefined : new Columns(WIDTHS, { maxWidth: MAX_WIDTH, lineWidth: output.columns === undefined ? undefined : MAX_LINES * output.columns });
  }

  /** Events that were written. */
  get count(): number {
    return this.#count;
  }

  async write(event: LoggedEvent): Promise<void> {
    if (this.#columns !== undefined && this.#count === 0) {
      await this.#output.line(this.#columns.row(HEADINGS.map((text) => ({ text, style: 'faint' }))));
    }
    this.#count += 1;
    await this.#output.line(this.#columns === undefined ? jsonLine(event) : this.#columns.row(cellsOf(event)));
  }
}

/** One line, as it stands in the log, and where it stands. */
function jsonLine({ event, ...place }: LoggedEvent): Line {
  // Twice: once for the order, once so that no member of an event takes its place.
  return JSON.stringify({ ...place, ...event, ...place });
}

/** Whatever was appended: nothing in it need be what the mesh writes. */
function cellsOf({ event }: LoggedEvent): Span[] {
  const { timestamp, serviceId, targetServiceId, eventType } = event;
  const details = (typeof event['details'] === 'object' ? event['details'] : undefined) as Readonly<Record<string, unknown>> | null | undefined;
  const { action, success, duration, messageCount, error, metadata, ...more } = details ?? {};
  const parts = [
    typeof duration === 'number' ? `${duration.toFixed(1)} ms` : '',
    typeof messageCount === 'number' ? `${messageCount} messages` : '',
    error === undefined ? '' : quoted(error),
    metadata === undefined ? '' : quoted(metadata),
    Object.keys(more).length === 0 ? '' : quoted(more),
  ];
  return [
    word(timestamp),
    targetServiceId === undefined ? word(serviceId) : `${word(serviceId)} → ${word(targetServiceId)}`,
    word(eventType),
    word(action),
    success === true ? { text: 'ok', style: 'good' } : success === false ? { text: 'FAILED', style: 'bad' } : '-',
    parts.filter((part) => part !== '').join('  '),
  ];
}

/** Texts that are more than a word stand in quotes, so that none passes for another column. */
const quoted = (value: unknown): string => escapeControls(JSON.stringify(value));

const word = (value: unknown): string => (value === undefined ? '-' : typeof value === 'string' && /^[\w.:/@+-]{1,512}$/.test(value) ? value : quoted(value));
