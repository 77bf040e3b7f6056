import { escapeControls, MeshError, systemClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { jsonIn } from '@lemur-bookstores/mesh-sink';
import type { ElasticAnswer, ElasticConnection } from './elastic-connection.js';
import type { ElasticsearchSettings } from './elasticsearch-adapter-options.js';

/** Doubtful events that are remembered at most, the latest: those that a lane has given up do not come again. Of what is beyond, the id of its index decides alone. */
const CAPACITY = 20_000;
/** Backing indices that are asked at most, the latest first: a rollover between a delivery and the next is rare, and two are rarer. */
const MAX_INDICES = 4;
/** Statuses that say that this cannot be asked here: no privilege, no such endpoint, gone. */
const CANNOT_BE_ASKED: readonly number[] = [400, 403, 404, 405];
const SHOWN_CHARACTERS = 100;
/** Errors of single documents that say the same. */
const NOT_THERE: readonly string[] = ['index_not_found_exception', 'index_closed_exception', 'security_exception'];

/**
 * Which events are stored already, where nobody knows. Ids are unique within an index, and a data stream, or an alias that is rolled over, has several: what was stored before a
 * rollover and comes again after it would be stored twice. So what was sent without an answer is looked for first.
 */
export class StoredIds {
  readonly #connection: ElasticConnection;
  readonly #settings: ElasticsearchSettings;
  readonly #doubtful = new Set<string>();
  /** Events from before may have been sent by an earlier process, which has left them in the spill. */
  readonly #bornAt: number;
  /** What took the last events: another name than that of the data stream or alias. */
  #backing: string | undefined;
  /** What was listed before a look-up that then failed: the next try goes on from there, unless something further was sent that nobody knows of. */
  #candidates: readonly string[] | undefined;

  constructor(connection: ElasticConnection, settings: ElasticsearchSettings) {
    this.#connection = connection;
    this.#settings = settings;
    this.#bornAt = (settings.clock ?? systemClock).now();
  }

  /** An answer has named the index that took the events. */
  written(index: string): void {
    if (index !== this.#settings.index) this.#backing = index;
  }

  /** They were sent, and nobody knows what came of it. */
  doubt(events: readonly { readonly id: string }[]): void {
    if (!this.#isRolledOver) return;
    this.#candidates = undefined;
    for (const { id } of events) {
      this.#doubtful.delete(id);
      if (this.#doubtful.size >= CAPACITY) this.#doubtful.delete(this.#doubtful.values().next().value!);
      this.#doubtful.add(id);
    }
  }

  /** They are stored. */
  settle(events: readonly { readonly id: string }[]): void {
    if (this.#doubtful.size === 0) return;
    for (const { id } of events) this.#doubtful.delete(id);
  }

  /** Those of which nobody knows. */
  doubtful(events: readonly MeshAuditEvent[]): readonly string[] {
    if (!this.#isRolledOver) return [];
    return events.filter(({ id, timestamp }) => this.#doubtful.has(id) || timestamp.getTime() < this.#bornAt).map(({ id }) => id);
  }

  /** Those that are stored, as far as that can be asked. @throws MeshError retryable; the signal's reason */
  async among(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const stored = new Set<string>();
    if (ids.length === 0 || !this.#isRolledOver) return stored;
    this.#candidates ??= await this.#indices(signal);
    for (const index of this.#candidates) {
      const answer = await this.#connection.ask({
        method: 'POST',
        path: `/${encodeURIComponent(index)}/_mget`,
        // Realtime: also what no search finds yet.
        query: { _source: false, realtime: true, filter_path: 'docs._id,docs.found,docs.error.type' },
        body: JSON.stringify({ ids }),
        maxAnswerBytes: 65_536 + 4_096 * ids.length,
        signal,
      });
      for (const { _id: id, found, error } of this.#docsIn(answer, ids.length)) {
        if (found === true && typeof id === 'string') stored.add(id);
        const type = String((error as { readonly type?: unknown } | undefined)?.type);
        // Of a shard that is not there for now nobody knows what it has.
        if (error !== undefined && !NOT_THERE.includes(type)) throw this.#unknown(answer, type);
      }
    }
    this.#candidates = undefined;
    return stored;
  }

  /** Of a plain index its ids decide. */
  get #isRolledOver(): boolean {
    return this.#settings.dataStream || this.#backing !== undefined;
  }

  /** Those that may have taken what was sent since the last answer. */
  async #indices(signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#connection.ask({ method: 'GET', path: `/${this.#settings.index}/_settings/index.uuid`, maxAnswerBytes: 4_194_304, signal });
    // A number at the end counts the rollovers.
    const indices = Object.keys(this.#jsonIn(answer) ?? {}).sort((one, other) => generationOf(one) - generationOf(other));
    if (indices.length === 0) return this.#backing === undefined ? [] : [this.#backing];
    return indices.slice(-MAX_INDICES);
  }

  /** One for each that was asked for; none where that cannot be asked. */
  #docsIn(answer: ElasticAnswer, count: number): readonly Readonly<Record<string, unknown>>[] {
    const said = this.#jsonIn(answer);
    if (said === undefined) return [];
    const { docs } = said;
    if (!Array.isArray(docs) || docs.length !== count || !docs.every((each) => typeof each === 'object' && each !== null)) throw this.#unknown(answer, 'it cannot be read');
    return docs as Readonly<Record<string, unknown>>[];
  }

  /** `undefined` where that cannot be asked. */
  #jsonIn(answer: ElasticAnswer): Readonly<Record<string, unknown>> | undefined {
    const failure = this.#connection.failureIn(answer);
    if (failure !== undefined && (failure.retryable || !CANNOT_BE_ASKED.includes(answer.status))) throw failure;
    if (failure !== undefined) return undefined;
    const said = jsonIn(answer.text);
    if (said === undefined) throw this.#unknown(answer, 'it cannot be read');
    return said;
  }

  #unknown({ where }: ElasticAnswer, why: string): MeshError {
    return new MeshError('adapter_failed', `the answer of ${where} does not tell which events are stored already: ${escapeControls(this.#connection.redact(why).slice(0, SHOWN_CHARACTERS))}`, { retryable: true });
  }
}

const generationOf = (index: string): number => Number(/(\d+)$/.exec(index)?.[1] ?? 0);
