// `_search`: what a query of an audit trail needs (terms, ranges, ids, full text by word), sorted, page by page with search_after, at a point in time.
import { dateOf } from './elasticsearch-documents.mjs';
import { ElasticsearchError, illegalArgument, invalidRequest, matches, searchFailed } from './elasticsearch-errors.mjs';
import { timeValue } from './elasticsearch-store.mjs';

const MAX_RESULT_WINDOW = 10_000;
const TRACKED = 10_000;
/** Answers that are kept for the next page. */
const MAX_KEPT = 8;
const KEYS = ['query', 'size', 'from', 'sort', 'search_after', 'pit', 'track_total_hits', '_source', 'timeout', 'min_score', 'version', 'seq_no_primary_term', 'track_scores'];
const DATES = ['date', 'date_nanos'];

class Hit {
  #source;

  constructor(index, id, written) {
    this.index = index;
    this.id = id;
    this.written = written;
  }

  /** Parsed when it is asked for: most queries need few. */
  get source() {
    return (this.#source ??= JSON.parse(this.written.text));
  }

  forget() {
    this.#source = undefined;
  }
}

export class Searches {
  #store;
  #pits = new Map();
  #kept = new Map();
  #lastPit = 0;

  constructor(store) {
    this.#store = store;
  }

  openPit(expression, keepAlive, options) {
    if (keepAlive === null) throw invalidRequest('[keep_alive] is not specified');
    const shards = this.#store.resolve(expression, options).map((index) => ({ index, visible: index.visible }));
    const number = ++this.#lastPit;
    const id = Buffer.from(`contract-pit ${number} ${expression}`).toString('base64');
    this.#pits.set(id, { number, shards, until: performance.now() + timeValue(keepAlive, 'keep_alive') });
    return { id, _shards: { total: shards.length, successful: shards.length, skipped: 0, failed: 0 } };
  }

  closePit(id) {
    this.#knownPit(id);
    const open = this.#pits.get(id);
    this.#pits.delete(id);
    return { succeeded: open !== undefined, num_freed: open?.shards.length ?? 0 };
  }

  get openPits() {
    return this.#pits.size;
  }

  #knownPit(id) {
    if (Buffer.from(String(id), 'base64').toString().startsWith('contract-pit ')) return;
    const reason = 'tried to read: 123 bytes but only 1 remaining';
    throw illegalArgument(`java.io.EOFException: ${reason}`, { caused_by: { type: 'e_o_f_exception', reason } });
  }

  #shardsOf(pit) {
    this.#knownPit(pit.id);
    const open = this.#pits.get(pit.id);
    const number = open?.number ?? Number(Buffer.from(pit.id, 'base64').toString().split(' ')[1]);
    if (open === undefined || open.until < performance.now()) {
      this.#pits.delete(pit.id);
      throw searchFailed(404, 'search_context_missing_exception', `No search context found for id [${number}]`);
    }
    if (pit.keep_alive !== undefined) open.until = Math.max(open.until, performance.now() + timeValue(pit.keep_alive, 'keep_alive'));
    return open.shards;
  }

  /** @param {string | undefined} expression the indices @param {Record<string, any>} body @param {{ ignoreUnavailable?: boolean }} options */
  search(expression, body, options) {
    for (const [key, value] of Object.entries(body)) {
      if (!KEYS.includes(key)) throw new ElasticsearchError(400, 'parsing_exception', `Unknown key for a ${tokenOf(value)} in [${key}].`, { line: 1, col: 2 });
    }
    const { query = { match_all: {} }, size = 10, from = 0, pit, search_after: after, _source: filter = true, track_total_hits: track = TRACKED } = body;
    if (pit !== undefined && expression !== undefined) throw invalidRequest('[indices] cannot be used with point in time. Do not specify any index with point in time.');
    checkQuery(query);
    const shards = pit === undefined ? this.#store.resolve(expression ?? '_all', options).map((index) => ({ index, visible: index.visible })) : this.#shardsOf(pit);
    if (from + size > MAX_RESULT_WINDOW) {
      const reason = `Result window is too large, from + size must be less than or equal to: [${MAX_RESULT_WINDOW}] but was [${from + size}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.`;
      throw searchFailed(400, 'illegal_argument_exception', reason, shards[0]?.index.name);
    }
    const sort = sortOf(body.sort, pit !== undefined);
    if (after !== undefined && after.length !== sort.length && after.length !== sort.length - (sort.at(-1)?.isImplied === true ? 1 : 0)) {
      throw searchFailed(400, 'illegal_argument_exception', `search_after has ${after.length} value(s) but sort has ${sort.length}.`, shards[0]?.index.name);
    }
    const found = this.#sorted(shards, query, sort);
    const start = after === undefined ? from : firstAfter(found, after, sort);
    const hits = found.slice(start, start + size).map((hit) => shown(hit, sort, filter, query));
    const total = track === false ? {} : { total: track === true || found.length <= track ? { value: found.length, relation: 'eq' } : { value: track, relation: 'gte' } };
    const maxScore = sort.length > 0 || size === 0 || found.length === 0 ? (shards.length === 0 ? 0 : null) : scoreOf(query);
    return {
      ...(pit === undefined ? {} : { pit_id: pit.id }), took: 1, timed_out: false, _shards: { total: shards.length, successful: shards.length, skipped: 0, failed: 0 },
      hits: { ...total, max_score: maxScore, hits },
    };
  }

  count(expression, query = { match_all: {} }, options) {
    checkQuery(query);
    const shards = this.#store.resolve(expression, options).map((index) => ({ index, visible: index.visible }));
    return { count: this.#sorted(shards, query, []).length, _shards: { total: shards.length, successful: shards.length, skipped: 0, failed: 0 } };
  }

  /** Page after page asks the same: what was found is kept as long as nobody writes. */
  #sorted(shards, query, sort) {
    const key = JSON.stringify([shards.map(({ index, visible }) => [index.name, index.uuid, visible]), query, sort]);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const found = [];
    shards.forEach(({ index, visible }, shard) => {
      const fits = test(query, index);
      checkSort(sort, index);
      for (const [id, written] of index.documents) {
        if (written.sequence >= visible) continue;
        const hit = new Hit(index, id, written);
        if (fits(hit)) {
          hit.values = sort.map((by) => valueOf(hit, by, shard));
          found.push(hit);
        }
        hit.forget();
      }
    });
    if (sort.length > 0) found.sort((a, b) => compare(a.values, b.values, sort));
    this.#kept.set(key, found);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return found;
  }
}

function shown(hit, sort, filter, query) {
  const source = filter === false ? {} : { _source: filtered(hit.source, filter) };
  const result = {
    _index: hit.index.name, _id: hit.id, _score: sort.length > 0 ? null : scoreOf(query), ...source,
    ...(sort.length === 0 ? {} : { sort: sort.map(({ format }, i) => (format === undefined || hit.values[i] === null ? hit.values[i] : formatted(hit.values[i], format))) }),
  };
  hit.forget();
  return result;
}

/** Filters do not score. */
const scoreOf = (query) => (query.bool !== undefined && query.bool.must === undefined && query.bool.should === undefined ? 0 : 1);
const formatted = (at, format) => (format === 'epoch_millis' ? String(at) : new Date(at).toISOString());
const tokenOf = (value) => (Array.isArray(value) ? 'START_ARRAY' : typeof value === 'object' && value !== null ? 'START_OBJECT' : `VALUE_${value === null ? 'NULL' : typeof value === 'boolean' ? 'BOOLEAN' : typeof value.toUpperCase === 'function' ? 'STRING' : 'NUMBER'}`);

/** `_source` of a request: true, a pattern, several, or `{ includes, excludes }`. */
export function filtered(source, filter) {
  if (filter === true || filter === undefined) return source;
  const { includes = [], excludes = [] } = typeof filter === 'string' || Array.isArray(filter) ? { includes: [filter].flat() } : { includes: [filter.includes ?? []].flat(), excludes: [filter.excludes ?? []].flat() };
  const keep = (object, prefix) =>
    Object.fromEntries(
      Object.entries(object).flatMap(([name, value]) => {
        const path = prefix + name;
        if (excludes.some((pattern) => matches(pattern, path))) return [];
        const isIncluded = includes.length === 0 || includes.some((pattern) => matches(pattern, path) || path.startsWith(`${pattern}.`));
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return isIncluded ? [[name, value]] : [];
        const inner = keep(value, `${path}.`);
        return Object.keys(inner).length > 0 || (isIncluded && Object.keys(value).length === 0) ? [[name, inner]] : [];
      }),
    );
  return keep(source, '');
}

/** The values of a field, by its path; a name may have dots in it. */
function valuesOf(object, path) {
  if (object === null || object === undefined) return [];
  if (Array.isArray(object)) return object.flatMap((inner) => valuesOf(inner, path));
  if (typeof object !== 'object') return [];
  const found = object[path] === undefined ? [] : [object[path]].flat(Infinity).filter((value) => value !== null);
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) found.push(...valuesOf(object[path.slice(0, dot)], path.slice(dot + 1)));
  return found;
}

const fieldOf = (path) => path.replace(/\.keyword$/, '');
const words = (text) => String(text).toLowerCase().match(/[\p{L}\p{N}_']+/gu) ?? [];
const QUERIES = ['match_all', 'match_none', 'ids', 'term', 'terms', 'range', 'exists', 'prefix', 'wildcard', 'match', 'match_phrase', 'bool', 'constant_score'];

function checkQuery(query) {
  const [kind] = Object.keys(query);
  if (!QUERIES.includes(kind)) throw new ElasticsearchError(400, 'parsing_exception', `unknown query [${kind}]`, { line: 1, col: 1, caused_by: { type: 'named_object_not_found_exception', reason: `[1:1] unknown field [${kind}]` } });
  if (kind === 'bool') for (const inner of Object.entries(query.bool).flatMap(([name, value]) => (name === 'minimum_should_match' ? [] : [value].flat()))) checkQuery(inner);
}

/** @returns {(hit: Hit) => boolean} */
function test(query, index) {
  const [kind] = Object.keys(query);
  const given = query[kind];
  if (kind === 'match_all') return () => true;
  if (kind === 'match_none') return () => false;
  if (kind === 'constant_score') return test(given.filter, index);
  if (kind === 'ids') {
    const ids = new Set(given.values);
    return ({ id }) => ids.has(id);
  }
  if (kind === 'bool') {
    const all = [given.must ?? [], given.filter ?? []].flat().map((inner) => test(inner, index));
    const none = [given.must_not ?? []].flat().map((inner) => test(inner, index));
    const some = [given.should ?? []].flat().map((inner) => test(inner, index));
    const atLeast = given.minimum_should_match ?? (some.length > 0 && all.length === 0 ? 1 : 0);
    return (hit) => all.every((one) => one(hit)) && !none.some((one) => one(hit)) && some.filter((one) => one(hit)).length >= atLeast;
  }
  const [path] = kind === 'exists' ? [given.field] : Object.keys(given);
  const type = index.mapping.typeOf(path);
  // A field that the mapping does not have is found by nobody, whatever the documents say.
  if (type === undefined) return () => false;
  const field = fieldOf(path);
  const values = (hit) => valuesOf(hit.source, field);
  const wanted = given[path];
  if (kind === 'exists') return (hit) => values(hit).length > 0;
  if (kind === 'range') return range(path, type, wanted, index, values);
  const same = (value) => {
    const text = String(value);
    if (DATES.includes(type)) return (hit) => values(hit).some((one) => dateOf(one) === dateOf(value));
    if (type === 'text' || type === 'match_only_text') return (hit) => values(hit).some((one) => words(one).includes(text));
    return (hit) => values(hit).some((one) => String(one) === text);
  };
  if (kind === 'term') return same(typeof wanted === 'object' ? wanted.value : wanted);
  if (kind === 'terms') {
    const any = wanted.map(same);
    return (hit) => any.some((one) => one(hit));
  }
  const text = String(typeof wanted === 'object' ? (wanted.value ?? wanted.query ?? wanted.wildcard) : wanted);
  if (kind === 'prefix') return (hit) => values(hit).some((one) => String(one).startsWith(text));
  if (kind === 'wildcard') {
    const pattern = new RegExp(`^${[...text].map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[.+^${}()|[\]\\]/, '\\$&'))).join('')}$`, 's');
    return (hit) => values(hit).some((one) => pattern.test(String(one)));
  }
  if (type !== 'text' && type !== 'match_only_text') return same(text);
  if (kind === 'match_phrase') return (hit) => values(hit).some((one) => ` ${words(one).join(' ')} `.includes(` ${words(text).join(' ')} `));
  const isAnd = wanted.operator?.toLowerCase() === 'and';
  return (hit) => values(hit).some((one) => (isAnd ? words(text).every((word) => words(one).includes(word)) : words(text).some((word) => words(one).includes(word))));
}

function range(path, type, wanted, index, values) {
  const isDate = DATES.includes(type);
  const bound = (value) => {
    if (!isDate) return typeof value === 'number' || ['keyword', 'text', 'wildcard'].includes(type) ? value : Number(value);
    const at = dateOf(value);
    if (at !== undefined) return at;
    const reason = `failed to parse date field [${value}] with format [strict_date_optional_time||epoch_millis]`;
    throw searchFailed(400, 'parse_exception', `${reason}: [${reason}]`, index.name, { caused_by: { type: 'illegal_argument_exception', reason, caused_by: { type: 'date_time_parse_exception', reason: 'Failed to parse with all enclosed parsers' } } });
  };
  const bounds = Object.entries(wanted).filter(([name]) => ['gt', 'gte', 'lt', 'lte'].includes(name)).map(([name, value]) => [name, bound(value)]);
  const within = (value) => bounds.every(([name, limit]) => (name === 'gt' ? value > limit : name === 'gte' ? value >= limit : name === 'lt' ? value < limit : value <= limit));
  if (path === '@timestamp') return ({ written }) => within(written.at);
  return (hit) => values(hit).some((one) => within(isDate ? dateOf(one) : one));
}

/** @returns {{ field: string, isDescending: boolean, format?: string, unmapped?: string, isImplied?: boolean }[]} */
function sortOf(sort = [], withPit) {
  const list = [sort].flat().flatMap((entry) => (typeof entry === 'string' ? [[entry, entry === '_score' ? 'desc' : 'asc']] : Object.entries(entry)));
  const all = list.map(([field, how]) => {
    const { order = 'asc', format, unmapped_type } = typeof how === 'string' ? { order: how } : how;
    return { field, isDescending: order === 'desc', format, unmapped: unmapped_type };
  });
  // At a point in time every sort ends with the place in the shard, unless there is none.
  return withPit && all.length > 0 && !all.some(({ field }) => field === '_shard_doc') ? [...all, { field: '_shard_doc', isDescending: false, isImplied: true }] : all;
}

function checkSort(sort, index) {
  for (const { field, unmapped } of sort) {
    if (field.startsWith('_')) continue;
    const type = index.mapping.typeOf(field);
    const where = { index_uuid: index.uuid, index: index.name };
    if (type === undefined && unmapped === undefined) throw searchFailed(400, 'query_shard_exception', `No mapping found for [${field}] in order to sort on`, index.name, where);
    if (type === 'text') throw searchFailed(400, 'illegal_argument_exception', `Fielddata is disabled on [${field}] in [${index.name}]. Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [${field}] in order to load field data by uninverting the inverted index. Note that this can use significant memory.`, index.name);
  }
}

function valueOf(hit, { field, isDescending, unmapped }, shard) {
  if (field === '_shard_doc') return shard * 2 ** 32 + hit.written.sequence;
  if (field === '_doc') return hit.written.sequence;
  if (field === '_score') return 1;
  if (field === '@timestamp') return hit.written.at;
  const type = hit.index.mapping.typeOf(field) ?? unmapped;
  const values = valuesOf(hit.source, fieldOf(field)).map((value) => (DATES.includes(type) ? dateOf(value) : ['keyword', 'ip', 'wildcard'].includes(type) ? String(value) : Number(value)));
  // What has no value comes last, whichever the order.
  if (values.length === 0) return ['keyword', 'ip', 'wildcard'].includes(type) ? null : isDescending ? -(2 ** 63) : 2 ** 63;
  return values.reduce((a, b) => ((a < b) !== isDescending ? a : b));
}

function compare(a, b, sort) {
  for (let i = 0; i < sort.length && i < a.length && i < b.length; i++) {
    if (a[i] === b[i]) continue;
    if (a[i] === null) return 1;
    if (b[i] === null) return -1;
    return (a[i] < b[i] ? -1 : 1) * (sort[i].isDescending ? -1 : 1);
  }
  return 0;
}

/** By halves: the place of the first one after these values. */
function firstAfter(found, after, sort) {
  const values = after.map((value, i) => (typeof value === 'string' && typeof found[0]?.values[i] === 'number' ? (dateOf(value) ?? Number(value)) : value));
  let low = 0;
  let high = found.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(found[middle].values, values, sort) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
