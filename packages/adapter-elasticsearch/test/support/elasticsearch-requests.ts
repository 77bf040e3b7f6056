/** A request that is sent to the real server and to the protocol-level one, in this order. */
export interface ComparedRequest {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  /** Of the body. Default: `application/json`. `null`: none */
  readonly type?: string | null;
  readonly accept?: string;
}

const V8 = 'application/vnd.elasticsearch+json; compatible-with=8';
const V8_LINES = 'application/vnd.elasticsearch+x-ndjson; compatible-with=8';
const LINES = 'application/x-ndjson';
const STREAM = 'logs-mesh.compare-a';
/** Its events differ in every field that is sorted by: among equals the order is that of Lucene's segments. */
export const SORTED_STREAM = 'logs-mesh.compare-sorted';

const request = (name: string, method: string, path: string, body?: unknown, more: Partial<ComparedRequest> = {}): ComparedRequest => ({
  name, method, path, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }), ...more,
});
const lines = (...all: unknown[]): string => all.map((line) => `${JSON.stringify(line)}\n`).join('');
const bulk = (name: string, path: string, body: string, more: Partial<ComparedRequest> = {}): ComparedRequest => request(name, 'POST', path, body, { type: V8_LINES, accept: V8, ...more });
const create = (name: string, id: string, document: unknown, query = ''): ComparedRequest => bulk(name, `/${STREAM}/_bulk${query}`, lines({ create: { _id: id } }, document));
const search = (name: string, body: unknown, path = `/${SORTED_STREAM}/_search`): ComparedRequest => request(`search: ${name}`, 'POST', path, body);
const template = (name: string, body: unknown, path = '/_index_template/mesh-compare'): ComparedRequest => request(`template: ${name}`, 'PUT', path, body);

const event = (n: number): unknown => ({ '@timestamp': `2026-01-01T00:00:0${n}.000Z`, message: `m${n} said`, event: { id: `e${n}`, sequence: n, kind: 'event' } });
const properties = { '@timestamp': { type: 'date' }, message: { type: 'text' }, event: { properties: { id: { type: 'keyword' }, sequence: { type: 'long' } } }, source: { properties: { ip: { type: 'ip' } } }, labels: { type: 'flattened' } };
const good = {
  index_patterns: ['logs-mesh.compare-*'], priority: 500, data_stream: {}, _meta: { owner: 'mesh' },
  template: { lifecycle: { data_retention: '365d' }, settings: { index: { translog: { durability: 'request' } }, number_of_replicas: 0 }, mappings: { dynamic: false, properties } },
};
const patterns = { index_patterns: ['x-*'] };

const templates = [
  ...['/_index_template/mesh-compare', '/nothing', '/nothing/_mapping', '/nothing/_settings'].flatMap((path) => [request(`nothing yet at ${path}`, 'GET', path)]),
  request('nothing yet, without a body', 'HEAD', '/_index_template/mesh-compare'),
  template('empty', ''),
  template('no patterns', {}),
  template('unknown field', { ...patterns, nonsense: 1 }),
  template('unknown field inside', { ...patterns, template: { nonsense: 1 } }),
  template('not JSON', '{'),
  template('unknown field type', { ...patterns, template: { mappings: { properties: { a: { type: 'nonsense' } } } } }),
  template('unknown setting', { ...patterns, template: { settings: { nonsense: 1 } } }),
  template('setting out of range', { ...patterns, template: { settings: { number_of_shards: -1 } } }),
  template('no time value', { ...patterns, data_stream: {}, template: { lifecycle: { data_retention: 'a lot' } } }),
  template('lifecycle without data stream', { ...patterns, template: { lifecycle: { data_retention: '365d' } } }),
  template('negative priority', { ...patterns, priority: -1 }),
  template('name with a capital', patterns, '/_index_template/Mesh'),
  template('pattern with a space', { index_patterns: ['X Y-*'] }),
  template('timestamp that is no date', { ...patterns, data_stream: {}, template: { mappings: { properties: { '@timestamp': { type: 'keyword' } } } } }),
  template('component that is not there', { ...patterns, composed_of: ['nothing'] }),
  request('template: taken', 'PUT', '/_index_template/mesh-compare', good, { type: V8, accept: V8 }),
  request('template: read back', 'GET', '/_index_template/mesh-compare', undefined, { accept: V8 }),
  request('template: read in part', 'GET', '/_index_template/mesh-compare?filter_path=index_templates.name,index_templates.index_template.priority'),
  request('template: read by pattern', 'GET', '/_index_template/mesh-com*'),
  request('template: no such pattern', 'GET', '/_index_template/zz*'),
  template('same priority as another', { index_patterns: ['logs-mesh.c*'], priority: 500, data_stream: {} }, '/_index_template/mesh-other'),
  template('lower priority than another', { index_patterns: ['logs-mesh.c*'], priority: 100, data_stream: {} }, '/_index_template/mesh-lower'),
  request('template: deleted', 'DELETE', '/_index_template/mesh-lower'),
  request('template: deleted again', 'DELETE', '/_index_template/mesh-lower'),
];

const headers = [
  bulk('plain type and v8 accept', `/${STREAM}/_bulk`, lines({ create: { _id: 'h' } }, event(0)), { type: LINES }),
  bulk('v8 type and no v8 accept', `/${STREAM}/_bulk`, lines({ create: { _id: 'h' } }, event(0)), { accept: '*/*' }),
  bulk('text', `/${STREAM}/_bulk`, lines({ create: { _id: 'h' } }, event(0)), { type: 'text/plain', accept: '*/*' }),
  bulk('no type', `/${STREAM}/_bulk`, lines({ create: { _id: 'h' } }, event(0)), { type: null, accept: '*/*' }),
  bulk('version 9', `/${STREAM}/_bulk`, lines({ create: { _id: 'h' } }, event(0)), { accept: V8.replace('8', '9'), type: V8_LINES.replace('8', '9') }),
  bulk('plain types', `/${STREAM}/_bulk`, lines({ create: { _id: 'json' } }, event(0)), { type: 'application/json', accept: '*/*' }),
  request('no such path', 'POST', '/a/_nothing', {}),
  request('no such path of the cluster', 'GET', '/_nothing'),
];

const bulks = [
  bulk('empty', '/_bulk', ''),
  bulk('one line without its end', '/_bulk', '{"create":{"_index":"x"}}'),
  bulk('document without its end', '/_bulk', '{"create":{"_index":"x"}}\n{"a":1}'),
  bulk('two created', `/${STREAM}/_bulk`, lines({ create: { _id: 'a' } }, event(1), { create: { _id: 'b' } }, event(2))),
  bulk('one of them again', `/${STREAM}/_bulk`, lines({ create: { _id: 'a' } }, event(1), { create: { _id: 'c' } }, event(3))),
  bulk('one of them twice', `/${STREAM}/_bulk`, lines({ create: { _id: 'twice' } }, event(1), { create: { _id: 'twice' } }, event(1))),
  bulk('index in the line', '/_bulk', lines({ create: { _index: STREAM, _id: 'd' } }, event(4))),
  bulk('no index', '/_bulk', lines({ create: { _id: 'd' } }, event(4))),
  bulk('index instead of create', `/${STREAM}/_bulk`, lines({ index: { _id: 'x' } }, event(4))),
  bulk('update instead of create', `/${STREAM}/_bulk`, lines({ update: { _id: 'a' } }, { doc: { a: 1 } })),
  bulk('delete instead of create', `/${STREAM}/_bulk`, lines({ delete: { _id: 'a' } })),
  bulk('unknown operation', `/${STREAM}/_bulk`, lines({ insert: { _id: 'a' } }, event(1))),
  bulk('unknown metadata', `/${STREAM}/_bulk`, lines({ create: { _id: 'a', nonsense: 1 } }, event(1))),
  bulk('unknown parameter', `/${STREAM}/_bulk?nonsense=1`, lines({ create: { _id: 'a' } }, event(1))),
  create('no timestamp', 'n1', { message: 'x' }),
  create('null timestamp', 'n2', { '@timestamp': null }),
  create('two timestamps', 'n3', { '@timestamp': ['2026-01-01', '2026-01-02'] }),
  ...['yesterday', '2026-13-01', '2026-01-01 00:00:00', '', true].map((at) => create(`timestamp ${JSON.stringify(at)}`, 'bad', { '@timestamp': at })),
  ...['2026-01-01T00:00:00.123456Z', '2026', '2026-01-01', '1767225600000', 1_767_225_600_000, '2026-01-01T00:00:00+01:00'].map((at, i) => create(`timestamp ${JSON.stringify(at)}`, `good-${i}`, { '@timestamp': at })),
  create('no number', 'n5', { '@timestamp': '2026-01-01', event: { sequence: 'many' } }),
  create('object for a keyword', 'n6', { '@timestamp': '2026-01-01', event: { id: { a: 1 } } }),
  create('value for an object', 'n7', { '@timestamp': '2026-01-01', event: 'a' }),
  create('text for a flattened field', 'n8', { '@timestamp': '2026-01-01', labels: 'a' }),
  create('no address', 'n9', { '@timestamp': '2026-01-01', source: { ip: 'here' } }),
  create('a term that is too long', 'n10', { '@timestamp': '2026-01-01', event: { id: 'x'.repeat(32_767) } }, '?filter_path=errors,items.*.status,items.*.error.type'),
  create('names with dots', 'dots', { '@timestamp': '2026-01-01', 'event.id': 'dotted' }),
  bulk('broken document', `/${STREAM}/_bulk`, '{"create":{"_id":"broken"}}\n{"@timestamp":\n'),
  bulk('broken line', `/${STREAM}/_bulk`, '{"create":\n{"@timestamp":1}\n'),
  bulk('array for a document', `/${STREAM}/_bulk`, '{"create":{"_id":"array"}}\n[1]\n'),
  bulk('empty lines', `/${STREAM}/_bulk`, `\n${lines({ create: { _id: 'lines' } }, event(1))}\n`),
  create('id of 513 bytes', 'i'.repeat(513), event(1)),
  create('empty id', '', event(1)),
  bulk('no id', `/${STREAM}/_bulk?filter_path=errors,items.*.status`, lines({ create: {} }, event(1))),
  bulk('all at once', `/${STREAM}/_bulk`, lines({ create: { _id: 'm1' } }, event(5), { create: { _id: 'm1' } }, event(5), { create: { _id: 'm2' } }, { no: 1 }, { create: { _id: 'm3' } }, event(6))),
  bulk('in part', `/${STREAM}/_bulk?filter_path=errors,items.*.status,items.*.error`, lines({ create: { _id: 'f1' } }, event(7), { create: { _id: 'f1' } }, event(7))),
  bulk('in part by name', `/${STREAM}/_bulk?filter_path=errors,items.create.status,items.create._id,items.create.error.type,items.create.error.reason`, lines({ create: { _id: 'f1' } }, event(7))),
  bulk('without a part', `/${STREAM}/_bulk?filter_path=-items.*._shards,-took`, lines({ create: { _id: 'f2' } }, event(7))),
  bulk('data stream required', `/${STREAM}/_bulk?require_data_stream=true`, lines({ create: { _id: 'r1' } }, event(8))),
  bulk('data stream required and there is none', '/mesh-compare-plain/_bulk?require_data_stream=true', lines({ create: { _id: 'r1' } }, event(8))),
  bulk('alias required', '/mesh-compare-plain/_bulk?require_alias=true', lines({ create: { _id: 'r1' } }, event(8))),
  bulk('unknown refresh', `/${STREAM}/_bulk?refresh=nonsense`, lines({ create: { _id: 'w2' } }, event(8))),
  bulk('index', '/mesh-compare-plain/_bulk?refresh=true', lines({ create: { _id: 'a' } }, event(1), { index: { _id: 'a' } }, event(2), { create: { _id: 'b' } }, { no: 'timestamp' })),
  bulk('index with a capital', '/Plain/_bulk', lines({ create: { _id: 'a' } }, event(1))),
  request('document by index', 'PUT', `/${STREAM}/_doc/zz`, event(1)),
  request('document by create', 'PUT', `/${STREAM}/_create/zz`, event(1)),
  request('document by create again', 'PUT', `/${STREAM}/_create/zz`, event(1)),
];

const reads = [
  request('refresh', 'POST', `/${STREAM}/_refresh`),
  ...[STREAM, 'mesh-compare-plain'].flatMap((name) => ['', '/_mapping', '/_settings'].map((what) => request(`shown: ${name}${what}`, 'GET', `/${name}${what}`))),
  request('is it there', 'HEAD', `/${STREAM}`),
  request('mapping: more', 'PUT', `/${STREAM}/_mapping`, { properties: { extra: { type: 'keyword' } } }),
  request('mapping: another type', 'PUT', `/${STREAM}/_mapping`, { properties: { message: { type: 'keyword' } } }),
  request('index of the name of a data stream', 'PUT', `/${STREAM}`),
  request('index that is there', 'PUT', '/mesh-compare-plain'),
  request('index', 'PUT', '/mesh-compare-more', { settings: { number_of_shards: 1 }, mappings: { properties: { a: { type: 'keyword' } } } }),
  request('index deleted', 'DELETE', '/mesh-compare-more'),
  request('data stream deleted as an index', 'DELETE', `/${STREAM}`),
  request('mget of a data stream', 'POST', `/${STREAM}/_mget`, { ids: ['a', 'nothing'] }),
  request('mget', 'POST', '/_mget', { docs: [{ _index: 'mesh-compare-plain', _id: 'a' }, { _index: 'mesh-compare-plain', _id: 'q', _source: false }, { _index: 'gone', _id: 'a' }] }),
  request('mget without source', 'POST', '/mesh-compare-plain/_mget?_source=false', { ids: ['a', 'q'] }),
  request('mget in part', 'POST', '/mesh-compare-plain/_mget?_source_includes=event.id&filter_path=docs._id,docs.found,docs._source', { ids: ['a', 'q'] }),
  request('mget of nothing', 'POST', '/mesh-compare-plain/_mget', {}),
  ...[`/${STREAM}/_doc/a`, '/mesh-compare-plain/_doc/a', '/mesh-compare-plain/_doc/q'].map((path) => request(`document ${path}`, 'GET', path)),
];

const range = { range: { '@timestamp': { gte: '2026-01-01T00:00:02Z', lt: '2026-01-01T00:00:06Z' } } };
const searches = [
  bulk('events to find', `/${SORTED_STREAM}/_bulk?refresh=true`, lines(...[7, 3, 1, 5, 2, 6, 4].flatMap((n) => [{ create: { _id: String.fromCharCode(96 + n) } }, event(n)]))),
  ...['/nothing/_search', '/nothing*/_search', '/nothing/_search?ignore_unavailable=true'].map((path) => search(path, {}, path)),
  search('page', { size: 2, sort: [{ '@timestamp': 'asc' }, { 'event.sequence': 'asc' }], track_total_hits: true }),
  search('page after', { size: 2, sort: [{ '@timestamp': { order: 'asc', format: 'strict_date_optional_time_nanos' } }, { 'event.sequence': 'asc' }], search_after: ['2026-01-01T00:00:02.000Z', 2], _source: ['event.id'] }),
  search('descending', { size: 3, sort: [{ '@timestamp': 'desc' }, { 'event.sequence': { order: 'desc', unmapped_type: 'long' } }], track_total_hits: false, _source: { excludes: ['message'] } }),
  search('ids', { query: { ids: { values: ['a', 'b'] } }, sort: ['event.sequence'], _source: false }),
  search('range and term', { query: { bool: { filter: [range, { term: { 'event.id': 'e3' } }] } } }),
  search('terms and not', { query: { bool: { filter: [{ terms: { 'event.id': ['e3', 'e4'] } }], must_not: [{ term: { 'event.sequence': 4 } }] } }, sort: [{ 'event.sequence': 'desc' }] }),
  ...[{ exists: { field: 'event.id' } }, { prefix: { 'event.id': 'e' } }, { wildcard: { 'event.id': 'e?' } }, { match: { message: 'm3' } }, { match_phrase: { message: 'm3 said' } }, { term: { nothing: 'e' } }, { term: { 'event.kind': 'event' } }, { match_none: {} }, range]
    .map((query) => search(JSON.stringify(query), { size: 0, query })),
  search('unmapped sort', { sort: [{ nothing: 'asc' }] }),
  search('unknown query', { query: { nonsense: {} } }),
  search('unknown key', { nonsense: 1 }),
  search('no date', { query: { range: { '@timestamp': { gte: 'yesterday' } } } }),
  search('10,001', { size: 10_001 }),
  search('more than 10,000 from the start', { from: 9_999, size: 10 }),
  search('another search_after than the sort', { sort: ['event.sequence'], search_after: [1, 2] }),
  search('no such point in time', { pit: { id: 'nonsense' } }, '/_search'),
  search('index with a point in time', { pit: { id: 'nonsense' } }),
  request('count', 'POST', `/${SORTED_STREAM}/_count`, { query: { term: { 'event.id': 'e1' } } }),
  request('point in time that is not kept', 'POST', `/${STREAM}/_pit`),
  request('point in time of nothing', 'POST', '/nothing/_pit?keep_alive=1m'),
  request('close no point in time', 'DELETE', '/_pit', { id: 'nonsense' }),
];

const rollovers = [
  request('rollover of nothing', 'POST', '/nothing/_rollover'),
  request('rollover of an index', 'POST', '/mesh-compare-plain/_rollover'),
  request('rollover if', 'POST', `/${STREAM}/_rollover`, { conditions: { max_docs: 100_000 } }),
  request('rollover tried', 'POST', `/${STREAM}/_rollover?dry_run=true`),
  request('rollover', 'POST', `/${STREAM}/_rollover`),
  // An id is unique in one backing index alone.
  create('an id that the index before has', 'a', event(1), '?refresh=true'),
  search('both of them', { query: { ids: { values: ['a'] } }, size: 0 }, `/${STREAM}/_search`),
];

/** What an adapter asks, and what it could ask wrongly. */
export const COMPARED_REQUESTS: readonly ComparedRequest[] = [...templates, ...headers, ...bulks, ...reads, ...searches, ...rollovers];
