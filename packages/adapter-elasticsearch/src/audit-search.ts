import { checkAuditQuery, MeshError, type AuditQuery, type Clock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { jsonIn } from '@lemur-bookstores/mesh-sink';
import type { ElasticAnswer, ElasticConnection } from './elastic-connection.js';
import { errorIn } from './elastic-failure.js';
import type { ElasticsearchSettings } from './elasticsearch-adapter-options.js';
import { eventOfDocument } from './stored-event.js';

type Json = Readonly<Record<string, unknown>>;

/** One page of what was found. */
interface Page {
  readonly hits: readonly Hit[];
  /** The point in time of the next page: the server may give another. */
  readonly pit: string;
}

interface Hit {
  readonly id: string;
  readonly index: string;
  readonly source: unknown;
  readonly sort: readonly unknown[];
}

const PAGE = 1_000;
const MAX_ANSWER_BYTES = 64 * 1_048_576;
/** How long a point in time outlives its last page: a consumer may be slow. */
const KEEP_ALIVE = '5m';
const TIMEOUT_MS = 30_000;
/**
 * Oldest first; those of one moment as their process counted them. What has no such field would be last by a number that JSON in JavaScript cannot hold, and that the server then
 * does not take back.
 */
const SORT = [
  { '@timestamp': { order: 'asc', missing: 0, unmapped_type: 'date' } },
  { 'event.sequence': { order: 'asc', missing: 0, unmapped_type: 'long' } },
];

/** Reads events back, page by page, as of one moment: what comes in meanwhile is not seen. */
export class AuditSearch {
  readonly #connection: ElasticConnection;
  readonly #settings: ElasticsearchSettings;
  readonly #clock: () => Clock;

  constructor(connection: ElasticConnection, settings: ElasticsearchSettings, clock: () => Clock) {
    this.#connection = connection;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** @throws MeshError `invalid_option` at once */
  events(query: AuditQuery): AsyncGenerator<MeshAuditEvent, void, undefined> {
    checkAuditQuery(query);
    return this.#events(query);
  }

  async *#events(query: AuditQuery): AsyncGenerator<MeshAuditEvent, void, undefined> {
    const { limit = Infinity } = query;
    let left = Math.ceil(limit);
    let pit = left > 0 ? await this.#open() : undefined;
    if (pit === undefined) return;
    try {
      let size = PAGE;
      let after: readonly unknown[] | undefined;
      while (left > 0) {
        const asked = Math.min(size, left);
        const page = await this.#page(query, pit, asked, after);
        if (page === 'too large') {
          if (asked === 1) throw this.#failure('one of the events is larger than this can read');
          size = asked >> 1;
          continue;
        }
        ({ pit } = page);
        for (const { id, index, source } of page.hits) yield eventOfDocument(source, this.#connection.redact(`${index}/_doc/${id}`));
        left -= page.hits.length;
        if (page.hits.length < asked) return;
        after = page.hits.at(-1)?.sort;
      }
    } finally {
      await this.#close(pit);
    }
  }

  /** `undefined` where there is no such index: nothing was logged yet. */
  async #open(): Promise<string | undefined> {
    const answer = await this.#ask('POST', `/${this.#settings.index}/_pit`, { keep_alive: KEEP_ALIVE });
    if (isNothingThere(answer)) return undefined;
    const { id } = this.#jsonIn(answer);
    if (typeof id !== 'string' || id === '') throw this.#failure('its answer to a query has no point in time');
    return id;
  }

  async #page(query: AuditQuery, pit: string, size: number, after: readonly unknown[] | undefined): Promise<Page | 'too large'> {
    // A shard that fails is an error, and not a trail that lacks its events.
    const answer = await this.#ask('POST', '/_search', { allow_partial_search_results: false }, {
      size,
      track_total_hits: false,
      pit: { id: pit, keep_alive: KEEP_ALIVE },
      query: { bool: { filter: filtersOf(query) } },
      sort: SORT,
      ...(after === undefined ? {} : { search_after: after }),
    });
    if (answer.truncated) return 'too large';
    const { pit_id: next, timed_out: timedOut, hits } = this.#jsonIn(answer);
    const found = (hits as { readonly hits?: unknown } | undefined)?.hits;
    if (!Array.isArray(found) || timedOut === true) throw this.#failure('its answer to a query is not whole');
    return { pit: typeof next === 'string' ? next : pit, hits: found.map((each: unknown) => this.#hit(each)) };
  }

  #hit(value: unknown): Hit {
    const { _id: id, _index: index, _source: source, sort } = (value ?? {}) as Json;
    if (typeof id !== 'string' || typeof index !== 'string' || !Array.isArray(sort)) throw this.#failure('its answer to a query has something in it that is no document');
    return { id, index, source, sort };
  }

  /** Whether that works or not: it would end by itself. */
  async #close(pit: string): Promise<void> {
    await this.#ask('DELETE', '/_pit', undefined, { id: pit }).catch(() => undefined);
  }

  async #ask(method: 'POST' | 'DELETE', path: string, query?: Readonly<Record<string, string | boolean>>, body?: Json): Promise<ElasticAnswer> {
    const controller = new AbortController();
    const timer = this.#clock().setTimeout(() => controller.abort(new MeshError('adapter_timeout', `Elasticsearch did not answer a query within ${TIMEOUT_MS} ms`, { retryable: true })), TIMEOUT_MS);
    try {
      const answer = await this.#connection.ask({
        method, path, query, body: body === undefined ? undefined : JSON.stringify(body), maxAnswerBytes: MAX_ANSWER_BYTES, signal: controller.signal,
      });
      const failure = this.#connection.failureIn(answer);
      if (failure !== undefined && !isNothingThere(answer)) throw failure;
      return answer;
    } finally {
      timer.cancel();
    }
  }

  #jsonIn({ text }: ElasticAnswer): Json {
    const said = jsonIn(text);
    if (said === undefined) throw this.#failure('its answer to a query is no JSON');
    return said;
  }

  #failure(what: string): MeshError {
    return new MeshError('adapter_failed', `Elasticsearch, index ${this.#settings.index}: ${what}`, { retryable: false });
  }
}

/** And not: something else before it says 404. */
const isNothingThere = (answer: ElasticAnswer): boolean => answer.status === 404 && errorIn(answer).type === 'index_not_found_exception';

/** Exact: fields of type keyword, compared as a whole. */
function filtersOf({ since, until, eventType, serviceId, action, success }: AuditQuery): Json[] {
  const range = { ...(since === undefined ? {} : { gte: since.getTime() }), ...(until === undefined ? {} : { lt: until.getTime() }), format: 'epoch_millis' };
  const terms = { 'mesh.event_type': eventType, 'service.name': serviceId, 'event.action': action, 'mesh.success': success };
  return [
    ...(since === undefined && until === undefined ? [] : [{ range: { '@timestamp': range } }]),
    ...Object.entries(terms).flatMap(([field, value]) => (value === undefined ? [] : [{ term: { [field]: { value } } }])),
  ];
}
