// `_bulk`: lines of newline-delimited JSON, an outcome for each of them.
import { randomFrom } from './fault-plan.mjs';
import { ElasticsearchError, illegalArgument, invalidRequest, noSuchIndex, notJson } from './elasticsearch-errors.mjs';
import { onlyCreate } from './elasticsearch-store.mjs';

const NEWLINE = 10;
const OPERATIONS = ['create', 'delete', 'index', 'update'];
const PARAMETERS = ['_index', '_id', 'routing', 'version', 'version_type', 'retry_on_conflict', 'pipeline', '_source', 'if_seq_no', 'if_primary_term', 'require_alias', 'require_data_stream', 'list_executed_pipelines', 'dynamic_templates', 'op_type'];
const MAX_ID_BYTES = 512;
/** How an item is refused that could be taken later. */
export const ITEM_FAULTS = {
  429: ['es_rejected_execution_exception', 'rejected execution of coordinating operation [coordinating_and_primary_bytes=53687091, replica_bytes=0, all_bytes=53687091, coordinating_operation_bytes=1048576, max_coordinating_and_primary_bytes=53687091]'],
  503: ['unavailable_shards_exception', 'primary shard is not active Timeout: [1m], request: [BulkShardRequest]'],
  500: ['engine_closed_exception', 'engine is closed'],
};

export class Bulks {
  #store;
  #random;
  #share;
  #kinds;
  /** Items that were refused at random. */
  refusedAtRandom = 0;

  /** @param {{ share?: number, kinds?: readonly (429 | 500 | 503)[], seed?: number }} half how many items of a half-accepted bulk are refused, 0 to 1, and how */
  constructor(store, { share = 0.5, kinds = [429, 503], seed = 1 } = {}) {
    this.#store = store;
    this.#share = share;
    this.#kinds = kinds;
    this.#random = randomFrom(seed);
  }

  /**
   * @param {Buffer} body @param {string | undefined} index of the path
   * @param {{ isHalf: boolean, requiresDataStream: boolean, requiresAlias: boolean, mayCreate: (name: string) => ElasticsearchError | undefined }} options
   */
  run(body, index, options) {
    if (body.length === 0) throw new ElasticsearchError(400, 'parse_exception', 'request body is required');
    if (body[body.length - 1] !== NEWLINE) throw illegalArgument('The bulk request must be terminated by a newline [\\n]');
    const started = performance.now();
    // All of it is read before anything is written: a broken line refuses the whole.
    const operations = read(body, index);
    const items = operations.map((operation) => this.#item(operation, options));
    return { errors: items.some((item) => Object.values(item)[0].error !== undefined), took: Math.round(performance.now() - started), items };
  }

  #item({ kind, name, id, text }, { isHalf, requiresDataStream, requiresAlias, mayCreate }) {
    let index;
    const key = id ?? randomId();
    try {
      if (id === '') throw illegalArgument('if _id is specified it must not be empty');
      if (requiresAlias) throw noSuchIndex(name, ` and [require_alias] request flag is [true] and [${name}] is not an alias`);
      if (kind !== 'create' && this.#store.dataStreams.has(name)) throw onlyCreate(name);
      if (!this.#store.dataStreams.has(name) && !this.#store.indices.has(name)) {
        const refusal = mayCreate(name);
        if (refusal !== undefined) throw refusal;
      }
      index = this.#store.writeIndex(name, { requiresDataStream, operation: kind });
      if (isHalf && this.#random() < this.#share) {
        this.refusedAtRandom++;
        const status = this.#kinds[Math.floor(this.#random() * this.#kinds.length)];
        const [type, reason] = ITEM_FAULTS[status];
        throw new ElasticsearchError(status, type, status === 503 ? `[${index.name}][0] ${reason}` : reason);
      }
      return { [kind]: this.#write(kind, index, key, text) };
    } catch (error) {
      if (!(error instanceof ElasticsearchError)) throw error;
      return { [kind]: { _index: index?.name ?? name, _id: index === undefined ? (id ?? null) : key, status: error.status, error: error.cause } };
    }
  }

  #write(kind, index, id, text) {
    if (kind === 'update' || kind === 'delete') throw new Error(`contract server: _bulk does not ${kind}`);
    const written = index.write(id, text, kind === 'index');
    if (kind === 'create') this.#store.created.set(id, (this.#store.created.get(id) ?? 0) + 1);
    const isFirst = written.version === 1;
    return { _index: index.name, _id: id, _version: written.version, result: isFirst ? 'created' : 'updated', _shards: index.shards, _seq_no: written.sequence, _primary_term: 1, status: isFirst ? 201 : 200 };
  }
}

function read(body, index) {
  const operations = [];
  const problems = [];
  let line = 0;
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(NEWLINE, at);
    line++;
    if (end > at) {
      const operation = head(body.toString('utf8', at, end), line, index);
      if (operation.name === undefined) problems.push('index is missing');
      if (operation.id !== undefined && operation.id.length > MAX_ID_BYTES / 3 && Buffer.byteLength(operation.id) > MAX_ID_BYTES) problems.push(`id [${operation.id}] is too long, must be no longer than ${MAX_ID_BYTES} bytes but was: ${Buffer.byteLength(operation.id)}`);
      operations.push(operation);
      if (operation.kind !== 'delete') {
        line++;
        const next = body.indexOf(NEWLINE, end + 1);
        if (next < 0) throw illegalArgument(`Malformed action/metadata line [${line}], expected a document after it`);
        operation.text = body.toString('utf8', end + 1, next);
        at = next + 1;
        continue;
      }
    }
    at = end + 1;
  }
  if (operations.length === 0) throw invalidRequest('no requests added');
  if (problems.length > 0) throw invalidRequest(...problems);
  return operations;
}

function head(text, line, index) {
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw notJson(error);
  }
  const [kind] = Object.keys(parsed ?? {});
  if (!OPERATIONS.includes(kind)) throw illegalArgument(`Malformed action/metadata line [${line}], expected field [create], [delete], [index] or [update] but found [${kind}]`);
  const given = parsed[kind];
  for (const name in given) if (!PARAMETERS.includes(name)) throw illegalArgument(`Action/metadata line [${line}] contains an unknown parameter [${name}]`);
  return { kind, name: given._index ?? index, id: given._id === undefined ? undefined : String(given._id), text: '' };
}

const randomId = () => Buffer.from(Array.from({ length: 15 }, () => Math.floor(Math.random() * 256))).toString('base64url');
