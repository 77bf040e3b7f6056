// A protocol-level server: it answers as the documented API of Elasticsearch 8.19 does, for what an audit trail asks of it, and is compared with the real server in a test of
// adapter-elasticsearch. Nothing of it is stored. It knows, beside what the real server of the tests has, what that one lacks: `GET /`, `_data_stream`, its lifecycle, `_ilm`, API keys.
//
// It checks: media types and `compatible-with`, unknown query parameters, 100 MB of body (unpacked), NDJSON, operations and their metadata, ids of 512 bytes, `create` only on data streams,
// `@timestamp`, the field types of the mapping, index names, templates and their priorities, sorts and search_after, points in time; credentials and privileges.
// It does not: scores, analyzers, aggregations, scripts, pipelines, aliases, component templates, update and delete. What it does not know it answers with 599, and says so on stderr.
import { gzipSync } from 'node:zlib';
import { ContractServer } from './contract-server.mjs';
import { guard, unauthenticatedBy } from './elasticsearch-access.mjs';
import { Bulks } from './elasticsearch-bulk.mjs';
import { ElasticsearchError, notJson } from './elasticsearch-errors.mjs';
import { routeOf } from './elasticsearch-routes.mjs';
import { Searches } from './elasticsearch-search.mjs';
import { Store } from './elasticsearch-store.mjs';
import { filterPath } from './filter-path.mjs';

const PRODUCT = { 'x-elastic-product': 'Elasticsearch' };
const MAX_CONTENT_BYTES = 100 * 1_048_576;
const COMPATIBLE = /^application\/vnd\.elasticsearch\+(x-nd)?json;\s*compatible-with=(\d+)$/i;
const PLAIN = /^application\/(x-nd)?json(;|$)/i;
const EVERYWHERE = ['pretty', 'human', 'error_trace', 'filter_path', 'format'];

/** A cluster of one node or more over the same store. */
export class ElasticsearchCluster {
  #options;
  #bulks;
  #searches;

  /**
   * @param {object} [options]
   * @param {number} [options.nodes] Default 1
   * @param {import('./elasticsearch-access.mjs').Access} [options.access] Default: security is off
   * @param {{ key: string, cert: string }} [options.tls]
   * @param {import('./fault-plan.mjs').FaultOptions} [options.faults] of each node; 'half-accepted' is one of the kinds
   * @param {{ share?: number, kinds?: readonly (429 | 500 | 503)[], seed?: number }} [options.half] which items of a half-accepted bulk are refused, and how
   * @param {number} [options.rolloverEvery] a data stream gets a new write index after so many documents
   * @param {string} [options.retentionMax] `data_streams.lifecycle.retention.max`, e.g. '30d'
   * @param {string} [options.retentionDefault]
   * @param {number} [options.refreshMs] `index.refresh_interval`: what is written is found after it, or after a refresh. Default 1,000
   * @param {number} [options.maxContentBytes] `http.max_content_length`. Default 100 MB
   */
  constructor(options = {}) {
    this.#options = options;
    this.store = new Store(options);
    this.#bulks = new Bulks(this.store, options.half);
    this.#searches = new Searches(this.store);
    const { nodes = 1, faults, tls } = options;
    this.nodes = Array.from({ length: nodes }, (_, i) => new ContractServer({ handle: (request) => this.#handle(request), refuse, tls, maxBodyBytes: options.maxContentBytes ?? MAX_CONTENT_BYTES, faults: { ...faults, seed: (faults?.seed ?? 1) + i } }));
  }

  async start() {
    await Promise.all(this.nodes.map((node) => node.start()));
    return this;
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async down() {
    await Promise.all(this.nodes.map((node) => node.down()));
  }

  async up() {
    await Promise.all(this.nodes.map((node) => node.up()));
  }

  /** Of the first node. */
  get url() {
    return this.nodes[0].url;
  }

  get urls() {
    return this.nodes.map((node) => node.url);
  }

  get requests() {
    return this.nodes.reduce((sum, node) => sum + node.requests, 0);
  }

  /** What each kind of fault was played how often. */
  get faults() {
    const counts = {};
    for (const { faults } of this.nodes) for (const [kind, count] of Object.entries(faults.counts)) counts[kind] = (counts[kind] ?? 0) + count;
    return counts;
  }

  /** Items of half-accepted bulks that were refused. */
  get refusedItems() {
    return this.#bulks.refusedAtRandom;
  }

  /** Documents in a data stream or index, each as often as it is there. @returns {{ id: string, index: string, source: any }[]} */
  documents(name = '_all') {
    return this.store.resolve(name, { ignoreUnavailable: true }).flatMap((index) => [...index.documents].map(([id, { text }]) => ({ id, index: index.name, source: JSON.parse(text) })));
  }

  count(name = '_all') {
    return this.store.resolve(name, { ignoreUnavailable: true }).reduce((sum, index) => sum + index.documents.size, 0);
  }

  /** Ids that were created more than once: that happens across a rollover. */
  get duplicates() {
    return [...this.store.created].filter(([, times]) => times > 1).map(([id]) => id);
  }

  get ids() {
    return new Set(this.store.created.keys());
  }

  get openPits() {
    return this.#searches.openPits;
  }

  rollOver(name) {
    this.store.rollOver(name);
  }

  #handle(request) {
    const { headers, query } = request;
    const answer = (status, body, more = {}) => {
      const text = JSON.stringify(body);
      const type = COMPATIBLE.exec(headers.accept ?? '') === null ? 'application/json' : `application/vnd.elasticsearch+json;compatible-with=${COMPATIBLE.exec(headers.accept)[2]}`;
      const isPacked = this.#options.tls === undefined && /\bgzip\b/.test(headers['accept-encoding'] ?? '');
      return { status, headers: { ...PRODUCT, 'content-type': type, ...(isPacked ? { 'content-encoding': 'gzip' } : {}), ...more }, body: isPacked ? gzipSync(text, { level: 1 }) : text };
    };
    try {
      if (request.body.length > (this.#options.maxContentBytes ?? MAX_CONTENT_BYTES)) return refuse(413, {});
      const media = mediaProblem(headers, request.body.length > 0);
      if (media !== undefined) return { status: media.status, headers: { ...PRODUCT, 'content-type': 'application/json' }, body: media.plain ?? media.body };
      const access = guard(this.#options.access, headers.authorization, query.size === 0 ? request.path : `${request.path}?${decodeURIComponent(String(query))}`, this.#options.tls !== undefined);
      const route = routeOf(request);
      if (route.action !== undefined) {
        const refusal = access.refusal(route.action, route.index);
        if (refusal !== undefined) throw refusal;
      }
      for (const name of query.keys()) if (!EVERYWHERE.includes(name) && !route.parameters.includes(name)) throw new ElasticsearchError(400, 'illegal_argument_exception', `request [${request.path}] contains unrecognized parameter: [${name}]`);
      const { status = 200, body, headers: more } = route.run({ request, access, index: route.index, store: this.store, searches: this.#searches, bulk: (index) => this.#bulk(request, index, access), options: this.#options, json: () => jsonOf(request.body) });
      return answer(status, filterPath(query.get('filter_path'))(body), more);
    } catch (error) {
      if (!(error instanceof ElasticsearchError)) throw error;
      if (error.isOfSecurity === true) return { status: error.status, headers: { 'content-type': 'application/json', ...error.headers }, body: error.body };
      return answer(error.status, error.plain ?? error.body, error.headers);
    }
  }

  #bulk(request, index, access) {
    const { rolloverEvery } = this.#options;
    if (rolloverEvery !== undefined) {
      for (const stream of this.store.dataStreams.values()) if (stream.indices.at(-1).documents.size >= rolloverEvery) this.store.rollOver(stream.name);
    }
    const refresh = request.query.get('refresh');
    if (refresh !== null && !['', 'true', 'false', 'wait_for'].includes(refresh)) throw new ElasticsearchError(400, 'illegal_argument_exception', `Unknown value for refresh: [${refresh}].`);
    const forced = refresh === '' || refresh === 'true';
    const result = this.#bulks.run(request.body, index, {
      isHalf: request.fault === 'half-accepted',
      requiresDataStream: request.query.get('require_data_stream') === 'true',
      requiresAlias: request.query.get('require_alias') === 'true',
      mayCreate: (name) => access.refusal('indices:admin/auto_create', name),
    });
    if (refresh !== null && refresh !== 'false') for (const written of this.store.indices.values()) written.refresh();
    if (forced) for (const item of result.items) for (const outcome of Object.values(item)) if (outcome.error === undefined) outcome.forced_refresh = true;
    return result;
  }
}

/** @param {ConstructorParameters<typeof ElasticsearchCluster>[0]} [options] */
export const startElasticsearchContract = (options) => new ElasticsearchCluster(options).start();

function jsonOf(body) {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw notJson(error);
  }
}

function mediaProblem({ accept, 'content-type': type }, hasBody) {
  const [wants, sends] = [COMPATIBLE.exec(accept ?? ''), COMPATIBLE.exec(type ?? '')];
  const invalid = (reason) =>
    new ElasticsearchError(400, 'media_type_header_exception', `Invalid media-type value on headers [Content-Type, Accept]`, { caused_by: { type: 'status_exception', reason } });
  if (hasBody && sends === null && !PLAIN.test(type ?? '')) return Object.assign(new ElasticsearchError(406, '', ''), { plain: { error: `Content-Type header [${type ?? ''}] is not supported`, status: 406 } });
  if (wants !== null && !['7', '8'].includes(wants[2])) return invalid(`Accept version must be either version 8 or 7, but found ${wants[2]}. Accept=${accept}`);
  if (hasBody && sends !== null && !['7', '8'].includes(sends[2])) return invalid(`Content-Type version must be either version 8 or 7, but found ${sends[2]}. Content-Type=${type}`);
  if (hasBody && (wants === null) !== (sends === null)) {
    return invalid(`A compatible version is required on both Content-Type and Accept headers if either one has requested a compatible version. Accept=${accept === '*/*' ? null : (accept ?? null)}, Content-Type=${type ?? null}`);
  }
  return undefined;
}

/** How it says a status that a fault asks for. */
function refuse(status, headers) {
  const said = (type, reason, more) => ({ status, headers: { ...PRODUCT, 'content-type': 'application/json', ...headers }, body: new ElasticsearchError(status, type, reason, more).body });
  switch (status) {
    case 401: {
      const error = unauthenticatedBy(false, 'unable to authenticate with provided credentials and anonymous access is not allowed for this request');
      return { status, headers: { 'content-type': 'application/json', ...error.headers, ...headers }, body: error.body };
    }
    case 403:
      return { ...said('security_exception', 'action [indices:data/write/bulk] is unauthorized for user [mesh] with effective roles [mesh], this action is granted by the index privileges [create_doc,create,delete,index,write,all]'), headers: { 'content-type': 'application/json', ...headers } };
    case 408:
      // Of a proxy before it: Elasticsearch itself says so only of its health.
      return { status, headers: { 'content-type': 'text/plain', ...headers }, body: 'Request Time-out' };
    case 413:
      return { status, headers };
    case 429:
      return said('circuit_breaking_exception', '[parent] Data too large, data for [<http_request>] would be [532676608/508mb], which is larger than the limit of [510027366/486.3mb]', { bytes_wanted: 532_676_608, bytes_limit: 510_027_366, durability: 'TRANSIENT' });
    case 503:
      return said('cluster_block_exception', 'blocked by: [SERVICE_UNAVAILABLE/2/no master];');
    case 500:
      return said('null_pointer_exception', 'Cannot invoke "Object.toString()" because "value" is null');
    default:
      return said('illegal_argument_exception', `this request is answered with ${status}`);
  }
}
