// The paths of the API that the protocol-level Elasticsearch knows: each with the action that it is for security, the query parameters that it takes, and what it does.
import { ElasticsearchError, dataStreamExcluded, illegalArgument, invalidRequest, matches, noSuchIndex } from './elasticsearch-errors.mjs';
import { filtered } from './elasticsearch-search.mjs';
import { lifecycleOf, timeValue } from './elasticsearch-store.mjs';

const VERSION = {
  name: 'node-1', cluster_name: 'mesh-tests', cluster_uuid: 'contract-server-000001',
  version: {
    number: '8.19.9', build_flavor: 'default', build_type: 'tar', build_hash: 'contract', build_date: '2025-01-01T00:00:00.000000000Z', build_snapshot: false, lucene_version: '9.12.2',
    minimum_wire_compatibility_version: '7.17.0', minimum_index_compatibility_version: '7.0.0',
  },
  tagline: 'You Know, for Search',
};
const acknowledged = { body: { acknowledged: true } };
const TIMES = ['timeout', 'master_timeout'];
const INDICES = ['ignore_unavailable', 'allow_no_indices', 'expand_wildcards'];
const leniency = ({ query }) => ({ ignoreUnavailable: ['', 'true'].includes(query.get('ignore_unavailable')), allowNone: query.get('allow_no_indices') !== 'false' });
const ofIndices = (store, expression, request, shown) => ({ body: Object.fromEntries(store.resolve(expression, leniency(request)).map((index) => [index.name, shown(index)])) });

const ROUTES = [
  ['GET,HEAD', /^\/$/, 'cluster:monitor/main', [], () => ({ body: VERSION })],
  ['GET,HEAD', /^\/_cluster\/health(?:\/([^/]+))?$/, 'cluster:monitor/health', [...TIMES, 'wait_for_status', 'level', 'local', 'wait_for_nodes'], () => ({ body: { cluster_name: 'mesh-tests', status: 'green', timed_out: false, number_of_nodes: 1, number_of_data_nodes: 1 } })],
  ['PUT', /^\/_cluster\/settings$/, 'cluster:admin/settings/update', [...TIMES, 'flat_settings'], ({ store, json }) => {
    const { persistent = {}, transient = {} } = json() ?? {};
    for (const [name, value] of Object.entries({ ...persistent, ...transient })) {
      if (name !== 'data_streams.lifecycle.retention.max') throw new Error(`contract server: the setting ${name} is not known`);
      if (value !== null) timeValue(value, name);
      store.retentionMax = value ?? undefined;
    }
    return { body: { acknowledged: true, persistent, transient } };
  }],
  ['GET,HEAD', /^\/_index_template(?:\/([^/]+))?$/, 'indices:admin/index_template/get', [...TIMES, 'flat_settings', 'local', 'include_defaults'], ({ store, index = '*' }) => {
    const names = [...store.templates.keys()].filter((name) => index.split(',').some((pattern) => matches(pattern, name)));
    if (names.length === 0 && !index.includes('*')) throw new ElasticsearchError(404, 'resource_not_found_exception', `index template matching [${index}] not found`);
    return { status: names.length === 0 && index !== '*' ? 404 : 200, body: { index_templates: names.map((name) => store.shownTemplate(name)) } };
  }],
  ['PUT,POST', /^\/_index_template\/([^/_][^/]*)$/, 'indices:admin/index_template/put', [...TIMES, 'create', 'cause'], ({ store, index, json, request }) => {
    const template = json();
    if (template === undefined) throw new ElasticsearchError(400, 'parse_exception', 'request body is required');
    store.putTemplate(index, template, request.query.get('create') === 'true');
    return acknowledged;
  }],
  ['DELETE', /^\/_index_template\/([^/]+)$/, 'indices:admin/index_template/delete', TIMES, ({ store, index }) => {
    if (!store.templates.delete(index)) throw new ElasticsearchError(404, 'index_template_missing_exception', `index_template [${index}] missing`);
    return acknowledged;
  }],
  ['GET', /^\/_ilm\/policy(?:\/([^/]+))?$/, 'cluster:admin/ilm/get', TIMES, ({ store, index }) => {
    if (index !== undefined && !store.policies.has(index)) throw new ElasticsearchError(404, 'resource_not_found_exception', `Lifecycle policy not found: ${index}`);
    const names = index === undefined ? [...store.policies.keys()] : [index];
    return { body: Object.fromEntries(names.map((name) => [name, { version: 1, modified_date: new Date().toISOString(), policy: store.policies.get(name), in_use_by: { indices: [], data_streams: [], composable_templates: [] } }])) };
  }],
  ['PUT', /^\/_ilm\/policy\/([^/]+)$/, 'cluster:admin/ilm/put', TIMES, ({ store, index, json }) => {
    const { policy } = json() ?? {};
    if (policy?.phases === undefined) throw new ElasticsearchError(400, 'illegal_argument_exception', 'Required [phases]');
    store.policies.set(index, policy);
    return acknowledged;
  }],
  ['GET', /^\/_data_stream(?:\/([^/]+))?$/, 'indices:admin/data_stream/get', [...TIMES, 'expand_wildcards', 'include_defaults', 'verbose'], ({ store, index = '*' }) => ({ body: { data_streams: store.streams(index).map((stream) => shownStream(store, stream)) } })],
  ['PUT', /^\/_data_stream\/([^/]+)$/, 'indices:admin/data_stream/create', TIMES, ({ store, index }) => (store.createDataStream(index), acknowledged)],
  ['DELETE', /^\/_data_stream\/([^/]+)$/, 'indices:admin/data_stream/delete', [...TIMES, 'expand_wildcards'], ({ store, index }) => {
    for (const stream of store.streams(index)) {
      for (const { name } of stream.indices) store.indices.delete(name);
      store.dataStreams.delete(stream.name);
    }
    return acknowledged;
  }],
  ['GET', /^\/_data_stream\/([^/]+)\/_lifecycle$/, 'indices:admin/data_stream/lifecycle/get', [...TIMES, 'expand_wildcards', 'include_defaults'], ({ store, index }) => ({
    body: { data_streams: store.streams(index).map((stream) => ({ name: stream.name, ...(stream.lifecycle === undefined ? {} : { lifecycle: store.shownLifecycle(stream) }) })) },
  })],
  ['PUT', /^\/_data_stream\/([^/]+)\/_lifecycle$/, 'indices:admin/data_stream/lifecycle/put', [...TIMES, 'expand_wildcards'], ({ store, index, json }) => {
    const lifecycle = lifecycleOf(json() ?? {});
    for (const stream of store.streams(index)) stream.lifecycle = lifecycle;
    const { effective_retention: effective, retention_determined_by: by } = store.shownLifecycle({ lifecycle });
    if (by !== 'max_global_retention') return acknowledged;
    const said = lifecycle.data_retention === undefined ? 'Not providing a retention is not allowed for this project.' : `The retention provided [${lifecycle.data_retention}] is exceeding the max allowed data retention of this project [${effective}].`;
    return { ...acknowledged, headers: { warning: `299 Elasticsearch-8.19.9-contract "${said} The max retention [${effective}] will be applied"` } };
  }],
  ['POST,PUT', /^\/(?:([^/_.][^/]*|\.ds-[^/]+|_[^/]+)\/)?_bulk$/, 'indices:data/write/bulk', ['refresh', 'require_alias', 'require_data_stream', 'routing', 'timeout', 'wait_for_active_shards', '_source', '_source_includes', '_source_excludes', 'pipeline', 'list_executed_pipelines', 'include_source_on_error'], ({ bulk, index }) => ({ body: bulk(index) })],
  ['PUT,POST', /^\/([^/_][^/]*)\/(?:_create|_doc)\/([^/]+)$/, 'indices:data/write/index', ['refresh', 'timeout', 'op_type', 'routing', 'require_alias', 'require_data_stream', 'wait_for_active_shards'], ({ store, index: name, request }) => {
    const [, , operation, id] = request.path.split('/').map(decodeURIComponent);
    const isCreate = operation === '_create' || request.query.get('op_type') === 'create';
    const index = store.writeIndex(name, { operation: isCreate ? 'create' : 'index' });
    const written = index.write(id, request.body.toString('utf8'), !isCreate);
    if (isCreate) store.created.set(id, (store.created.get(id) ?? 0) + 1);
    const isFirst = written.version === 1;
    return {
      status: isFirst ? 201 : 200, headers: isFirst ? { location: `/${index.name}/_doc/${encodeURIComponent(id)}` } : {},
      body: { _index: index.name, _id: id, _version: written.version, result: isFirst ? 'created' : 'updated', _shards: index.shards, _seq_no: written.sequence, _primary_term: 1 },
    };
  }],
  ['GET,HEAD', /^\/([^/_][^/]*)\/_doc\/([^/]+)$/, 'indices:data/read/get', ['refresh', 'realtime', 'preference', '_source', '_source_includes', '_source_excludes'], ({ store, index, request }) => {
    if (store.dataStreams.has(index)) throw dataStreamExcluded(index);
    if (!store.indices.has(index)) throw noSuchIndex(index);
    const doc = got(store, index, decodeURIComponent(request.path.split('/')[3]), sourceOf(request.query));
    return { status: doc.found ? 200 : 404, body: doc };
  }],
  ['GET,POST', /^\/(?:([^/_][^/]*)\/)?_mget$/, 'indices:data/read/mget', ['refresh', 'realtime', 'preference', 'routing', '_source', '_source_includes', '_source_excludes'], ({ store, index, json, request }) => {
    const { ids = [], docs = ids.map((_id) => ({ _id })) } = json() ?? {};
    if (docs.length === 0) throw invalidRequest('no documents to get');
    return { body: { docs: docs.map(({ _index = index, _id, _source = sourceOf(request.query) }) => {
      if (!store.dataStreams.has(_index) && store.indices.has(_index)) return got(store, _index, _id, _source);
      return { _index, _id, error: (store.dataStreams.has(_index) ? dataStreamExcluded(_index) : noSuchIndex(_index)).body.error };
    }) } };
  }],
  ['GET,POST', /^\/(?:([^/_][^/]*)\/)?_search$/, 'indices:data/read/search', [...INDICES, 'size', 'from', 'track_total_hits', 'preference', 'routing', 'search_type', 'request_cache', 'allow_partial_search_results', 'typed_keys', 'ccs_minimize_roundtrips', '_source', '_source_includes', '_source_excludes', 'timeout', 'rest_total_hits_as_int'], ({ searches, index, json, request }) => {
    const body = json() ?? {};
    for (const name of ['size', 'from']) if (request.query.has(name)) body[name] = Number(request.query.get(name));
    if (request.query.has('track_total_hits')) body.track_total_hits = JSON.parse(request.query.get('track_total_hits'));
    return { body: searches.search(index, body, leniency(request)) };
  }],
  ['GET,POST', /^\/(?:([^/_][^/]*)\/)?_count$/, 'indices:data/read/search', INDICES, ({ searches, index = '_all', json, request }) => ({ body: searches.count(index, json()?.query, leniency(request)) })],
  ['POST', /^\/([^/_][^/]*)\/_pit$/, 'indices:data/read/open_point_in_time', [...INDICES, 'keep_alive', 'preference', 'routing', 'allow_partial_search_results'], ({ searches, index, request }) => ({ body: searches.openPit(index, request.query.get('keep_alive'), leniency(request)) })],
  ['DELETE', /^\/_pit$/, 'indices:data/read/close_point_in_time', [], ({ searches, json }) => {
    const body = json();
    if (body === undefined) throw new ElasticsearchError(400, 'parse_exception', 'request body or source parameter is required');
    const closed = searches.closePit(body.id);
    return { status: closed.succeeded ? 200 : 404, body: closed };
  }],
  ['POST,GET', /^\/([^/_][^/]*)\/_refresh$/, 'indices:admin/refresh', INDICES, ({ store, index, request }) => {
    const all = store.resolve(index, leniency(request));
    for (const one of all) one.refresh();
    return { body: { _shards: { total: all.reduce((sum, { shards }) => sum + shards.total, 0), successful: all.length, failed: 0 } } };
  }],
  ['POST', /^\/([^/_][^/]*)\/_rollover$/, 'indices:admin/rollover', [...TIMES, 'dry_run', 'lazy', 'wait_for_active_shards'], ({ store, index, json, request }) => {
    const conditions = json()?.conditions ?? {};
    const stream = store.dataStreams.get(index);
    const [isDry, isLazy] = ['dry_run', 'lazy'].map((name) => ['', 'true'].includes(request.query.get(name)));
    const met = Object.fromEntries(Object.entries(conditions).map(([name, value]) => [`[${name}: ${value}]`, name === 'max_docs' && (stream?.indices.at(-1).documents.size ?? 0) >= value]));
    const rolls = !isDry && !isLazy && (Object.keys(met).length === 0 || Object.values(met).includes(true));
    const names = rolls || stream === undefined ? store.rollOver(index) : { before: stream.indices.at(-1).name, after: store.nextBackingIndex(stream) };
    if (isLazy && !isDry) stream.lazy = true;
    return { body: { acknowledged: rolls || (isLazy && !isDry), shards_acknowledged: rolls, old_index: names.before, new_index: names.after, rolled_over: rolls, dry_run: isDry, lazy: isLazy, conditions: met } };
  }],
  ['GET', /^\/([^/_][^/]*)\/_mappings?$/, 'indices:admin/mappings/get', [...INDICES, ...TIMES, 'local'], ({ store, index, request }) => ofIndices(store, index, request, ({ mapping }) => ({ mappings: mapping }))],
  ['PUT,POST', /^\/([^/_][^/]*)\/_mappings?$/, 'indices:admin/mapping/put', [...INDICES, ...TIMES, 'write_index_only'], ({ store, index, json, request }) => {
    for (const { mapping } of store.resolve(index, leniency(request))) mapping.merge(json()?.properties ?? {});
    return acknowledged;
  }],
  ['GET', /^\/([^/_][^/]*)\/_settings(?:\/[^/]+)?$/, 'indices:monitor/settings/get', [...INDICES, ...TIMES, 'flat_settings', 'include_defaults', 'local'], ({ store, index, request }) => ofIndices(store, index, request, ({ shownSettings }) => ({ settings: shownSettings }))],
  ['GET,HEAD', /^\/([^/_][^/]*)$/, 'indices:admin/get', [...INDICES, ...TIMES, 'features', 'flat_settings', 'include_defaults', 'local'], ({ store, index, request }) =>
    ofIndices(store, index, request, ({ mapping, shownSettings, dataStream }) => ({ aliases: {}, mappings: mapping, settings: shownSettings, ...(dataStream === undefined ? {} : { data_stream: dataStream }) }))],
  ['PUT', /^\/([^/_][^/]*)$/, 'indices:admin/create', [...TIMES, 'wait_for_active_shards'], ({ store, index, json }) => {
    store.createIndex(index, json());
    return { body: { acknowledged: true, shards_acknowledged: true, index } };
  }],
  ['DELETE', /^\/([^/_][^/]*)$/, 'indices:admin/delete', [...INDICES, ...TIMES], ({ store, index }) => {
    if (index.includes('*')) throw illegalArgument('Wildcard expressions or all indices are not allowed');
    if (store.dataStreams.has(index)) throw dataStreamExcluded(index);
    if (!store.indices.delete(index)) throw noSuchIndex(index);
    return acknowledged;
  }],
];

/** @returns {{ action?: string, index?: string, parameters: readonly string[], run: (context: any) => { status?: number, body: unknown, headers?: Record<string, string> } }} */
export function routeOf({ method, path }) {
  const allowed = [];
  for (const [methods, pattern, action, parameters, run] of ROUTES) {
    const found = pattern.exec(path);
    if (found === null) continue;
    if (methods.split(',').includes(method)) return { action, parameters, run, index: found[1] === undefined ? undefined : decodeURIComponent(found[1]) };
    allowed.push(...methods.split(','));
  }
  if (allowed.length > 0) {
    const names = [...new Set(allowed)].sort();
    throw plain(405, { error: `Incorrect HTTP method for uri [${path}] and method [${method}], allowed: [${names.join(', ')}]`, status: 405 }, { allow: names.join(',') });
  }
  if (/^\/_[^/]*$/.test(path) && method === 'GET') {
    const name = path.slice(1);
    throw new ElasticsearchError(400, 'invalid_index_name_exception', `Invalid index name [${name}], must not start with '_'.`, { index_uuid: '_na_', index: name });
  }
  throw plain(400, { error: `no handler found for uri [${path}] and method [${method}]` });
}

const plain = (status, body, headers = {}) => Object.assign(new ElasticsearchError(status, '', '', {}, headers), { plain: body });

function sourceOf(query) {
  if (query.get('_source') === 'false') return false;
  const list = (name) => query.get(name)?.split(',');
  const includes = list('_source_includes') ?? (['true', '', null].includes(query.get('_source')) ? undefined : list('_source'));
  const excludes = list('_source_excludes');
  return includes === undefined && excludes === undefined ? true : { includes: includes ?? [], excludes: excludes ?? [] };
}

function got(store, name, id, filter) {
  const written = store.indices.get(name).documents.get(id);
  if (written === undefined) return { _index: name, _id: id, found: false };
  const source = filter === false ? {} : { _source: filtered(JSON.parse(written.text), filter) };
  return { _index: name, _id: id, _version: written.version, _seq_no: written.sequence, _primary_term: 1, found: true, ...source };
}

function shownStream(store, stream) {
  const lifecycle = store.shownLifecycle(stream);
  const policy = stream.indices.at(-1).settings.lifecycle?.name;
  const managedBy = policy !== undefined ? 'Index Lifecycle Management' : lifecycle?.enabled === true ? 'Data stream lifecycle' : 'Unmanaged';
  return {
    name: stream.name, timestamp_field: { name: '@timestamp' },
    indices: stream.indices.map(({ name, uuid }) => ({ index_name: name, index_uuid: uuid, prefer_ilm: true, ...(policy === undefined ? {} : { ilm_policy: policy }), managed_by: managedBy, index_mode: 'standard' })),
    generation: stream.generation, status: 'GREEN', template: stream.template, ...(lifecycle === undefined ? {} : { lifecycle }), ...(policy === undefined ? {} : { ilm_policy: policy }),
    next_generation_managed_by: managedBy, prefer_ilm: true, hidden: false, system: false, allow_custom_routing: false, replicated: false, rollover_on_write: stream.lazy, index_mode: 'standard',
    failure_store: { enabled: false, rollover_on_write: false, indices: [] },
  };
}
