import { escapeControls, MeshError } from '@lemur-bookstores/mesh-interface';
import { jsonIn } from '@lemur-bookstores/mesh-sink';
import { isForNow } from './elastic-failure.js';

/** What became of one document of a bulk. */
export type ItemOutcome =
  | { readonly state: 'stored' }
  /** For now: it may be taken later. */
  | { readonly state: 'later'; readonly said: string }
  /** For good. */
  | { readonly state: 'refused'; readonly error: MeshError }
  /** For who we are. */
  | { readonly state: 'forbidden'; readonly said: string };

/** A bulk's answer, of which every item was looked at. */
export interface BulkAnswer {
  readonly outcomes: readonly ItemOutcome[];
  /** The index that took what was stored last: of a data stream, a backing index. */
  readonly index: string | undefined;
}

/** What is read of an answer; the rest is left out by the server. */
export const BULK_FILTER = 'errors,items.*.status,items.*._index,items.*.result,items.*.failure_store,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason';

const STORED: ItemOutcome = { state: 'stored' };
const SHOWN_CHARACTERS = 300;

interface Item {
  readonly status: number;
  readonly _index?: unknown;
  readonly result?: unknown;
  readonly failure_store?: unknown;
  readonly error?: { readonly type?: unknown; readonly reason?: unknown; readonly caused_by?: { readonly reason?: unknown } } | null;
}

/**
 * `undefined` for what is no answer to a bulk of so many documents: then nobody knows what became of them. Pure.
 * @param redact takes credentials out of what is shown
 */
export function readBulkAnswer(text: string, count: number, redact: (said: string) => string): BulkAnswer | undefined {
  const items = itemsOf(text);
  if (items?.length !== count) return undefined;
  let index: string | undefined;
  const outcomes: ItemOutcome[] = [];
  for (const each of items) {
    const item = itemOf(each);
    if (item === undefined) return undefined;
    const outcome = outcomeOf(item, redact);
    if (outcome.state === 'stored' && typeof item._index === 'string') index = item._index;
    outcomes.push(outcome);
  }
  return { outcomes, index };
}

function outcomeOf({ status, result, error, failure_store: failureStore }: Item, redact: (said: string) => string): ItemOutcome {
  if (status >= 200 && status < 300) {
    // The document is kept apart, where no query finds it: its mapping refused it.
    if (failureStore === 'used') return { state: 'refused', error: new MeshError('sink_refused', 'Elasticsearch put the event into the failure store of the data stream, where no query finds it', { retryable: false }) };
    // A pipeline with a processor `drop`: a success that stores nothing.
    if (result === 'noop') return { state: 'refused', error: new MeshError('sink_refused', 'an ingest pipeline of Elasticsearch dropped the event', { retryable: false }) };
    return STORED;
  }
  const type = typeof error?.type === 'string' ? error.type : 'unknown';
  // Of `create` with the event's own id: it is there already, by a delivery whose answer was lost.
  if (status === 409 && type === 'version_conflict_engine_exception') return STORED;
  const said = escapeControls(redact(`${type}: ${[error?.reason, error?.caused_by?.reason].filter((each) => typeof each === 'string').join(': ')}`).slice(0, SHOWN_CHARACTERS));
  if (status === 429 || status >= 500 || isForNow(error ?? {})) return { state: 'later', said };
  if (status === 401 || status === 403) return { state: 'forbidden', said };
  return { state: 'refused', error: new MeshError('sink_refused', `Elasticsearch refused the event (${status}): ${said}`, { retryable: false }) };
}

function itemsOf(text: string): readonly unknown[] | undefined {
  const items = jsonIn(text)?.['items'];
  return Array.isArray(items) ? (items as unknown[]) : undefined;
}

function itemOf(value: unknown): Item | undefined {
  const item = (value as { readonly create?: Item | null } | null)?.create;
  return typeof item === 'object' && item !== null && Number.isInteger(item.status) ? item : undefined;
}
