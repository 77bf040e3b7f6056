// What a cluster holds: index templates, policies, data streams with their backing indices, indices with their documents. Every node of it answers from here.
import { randomBytes } from 'node:crypto';
import { dateOf, FIELD_TYPES, Mapping } from './elasticsearch-documents.mjs';
import { ElasticsearchError, illegalArgument, invalidRequest, matches, noSuchIndex } from './elasticsearch-errors.mjs';

const TIME_VALUE = /^(\d+)(d|h|m|s|ms|micros|nanos)$/;
const TEMPLATE_FIELDS = ['index_patterns', 'template', 'composed_of', 'priority', 'version', '_meta', 'data_stream', 'allow_auto_create', 'ignore_missing_component_templates', 'deprecated'];
/** The least that these may be. */
const NUMBERS_OF = { 'index.number_of_shards': 1, 'index.number_of_replicas': 0 };
const MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1, micros: 0.001, nanos: 0.000_001 };

/** @returns {number} ms; -1 is none */
export function timeValue(text, setting) {
  if (text === '-1' || text === -1) return -1;
  const found = TIME_VALUE.exec(String(text));
  if (found === null) throw illegalArgument(`failed to parse setting [${setting}] with value [${text}] as a time value: unit is missing or unrecognized`);
  return Number(found[1]) * MS[found[2]];
}

/** An index, or a backing index of a data stream. */
export class Index {
  /** By id: what it was created from, and which write it was. */
  documents = new Map();
  createdAt = Date.now();
  uuid = randomBytes(16).toString('base64url');
  #writes = 0;
  #refreshMs;

  constructor(name, mapping, settings, refreshMs, dataStream) {
    this.#refreshMs = refreshMs;
    this.name = name;
    this.mapping = mapping;
    this.settings = settings;
    this.dataStream = dataStream;
  }

  get shards() {
    return { total: 1 + Number(this.settings.number_of_replicas ?? 1), successful: 1, failed: 0 };
  }

  /** @throws {ElasticsearchError} where the document is refused or is there */
  write(id, text, overwrite) {
    const document = this.mapping.accept(text, id);
    const before = this.documents.get(id);
    if (before !== undefined && !overwrite) {
      throw new ElasticsearchError(409, 'version_conflict_engine_exception', `[${id}]: version conflict, document already exists (current version [${before.version}])`, { index_uuid: this.uuid, shard: '0', index: this.name });
    }
    const at = document['@timestamp'];
    const written = { text, at: dateOf(Array.isArray(at) ? at[0] : at) ?? 0, sequence: this.#writes++, version: (before?.version ?? 0) + 1 };
    this.documents.set(id, written);
    return written;
  }

  get writes() {
    return this.#writes;
  }

  #refreshedAt = performance.now();
  #visible = 0;

  refresh() {
    this.#refreshedAt = performance.now();
    this.#visible = this.#writes;
  }

  /** How many of its writes a search sees: those before the last refresh, of which there is one in each interval. */
  get visible() {
    if (performance.now() - this.#refreshedAt >= this.#refreshMs) this.refresh();
    return this.#visible;
  }

  /** As `GET <index>/_settings` shows them: every value is a text. */
  get shownSettings() {
    const tier = { routing: { allocation: { include: { _tier_preference: this.dataStream === undefined ? 'data_content' : 'data_hot' } } } };
    const hidden = this.dataStream === undefined ? {} : { hidden: 'true' };
    return { index: { ...tier, ...hidden, number_of_shards: '1', number_of_replicas: '1', ...this.settings, provided_name: this.name, creation_date: String(this.createdAt), uuid: this.uuid, version: { created: '8537000' } } };
  }
}

export class Store {
  templates = new Map();
  policies = new Map();
  dataStreams = new Map();
  indices = new Map();
  /** How often a document of this id was created, by the id. */
  created = new Map();
  #retentionMax;
  #retentionDefault;
  #refreshMs;

  /** @param {{ retentionMax?: string, retentionDefault?: string, refreshMs?: number }} options `data_streams.lifecycle.retention.max` and `.default`, `index.refresh_interval` */
  constructor({ retentionMax, retentionDefault, refreshMs = 1_000 } = {}) {
    this.#refreshMs = refreshMs;
    this.#retentionMax = retentionMax;
    this.#retentionDefault = retentionDefault;
  }

  set retentionMax(value) {
    this.#retentionMax = value;
  }

  /** The template that a new index of this name gets: [name, template]. */
  templateOf(name) {
    return [...this.templates].filter(([, template]) => template.index_patterns.some((pattern) => matches(pattern, name))).sort(([, a], [, b]) => (b.priority ?? 0) - (a.priority ?? 0))[0];
  }

  putTemplate(name, template, isCreate) {
    if (isCreate && this.templates.has(name)) throw illegalArgument(`index template [${name}] already exists`);
    for (const field of Object.keys(template)) if (!TEMPLATE_FIELDS.includes(field)) throw new ElasticsearchError(400, 'x_content_parse_exception', `[1:1] [index_template] unknown field [${field}]`);
    for (const field of Object.keys(template.template ?? {})) {
      if (['settings', 'mappings', 'aliases', 'lifecycle', 'data_stream_options'].includes(field)) continue;
      const cause = { type: 'x_content_parse_exception', reason: `[1:1] [template] unknown field [${field}]` };
      throw new ElasticsearchError(400, 'x_content_parse_exception', '[1:1] [index_template] failed to parse field [template]', { caused_by: cause });
    }
    if (template.index_patterns === undefined) throw illegalArgument('Required [index_patterns]');
    const patterns = [template.index_patterns].flat();
    if (template.priority < 0) throw invalidRequest('index template priority must be >= 0');
    const invalid = (problems) => new ElasticsearchError(400, 'invalid_index_template_exception', `index_template [${name}] invalid, cause [${problems}]`);
    const problems = [
      ...(name !== name.toLowerCase() ? ['name must be lower cased'] : []),
      ...patterns.filter((pattern) => pattern.includes(' ')).map((pattern) => `index_patterns [${pattern}] must not contain a space`),
      ...patterns.filter((pattern) => /[\\/?"<>| ,]/.test(pattern)).map((pattern) => `index_pattern [${pattern}] must not contain the following characters [' ','"','*',',','/','<','>','?','\\','|']`),
      ...Object.keys(flatten(template.template?.settings ?? {})).filter((setting) => !/^index\.(number_of_(shards|replicas)|translog\.|lifecycle\.|refresh_interval|codec|mapping\.|auto_expand_replicas|max_result_window|hidden|mode|sort\.|query\.|routing|blocks\.|priority|search\.|merge\.)/.test(setting))
        .map((setting) => `unknown setting [${setting}] please check that any required plugins are installed, or check the breaking changes documentation for removed settings`),
      ...Object.entries(flatten(template.template?.settings ?? {})).filter(([setting, value]) => NUMBERS_OF[setting] > Number(value)).map(([setting, value]) => `Failed to parse value [${value}] for setting [${setting}] must be >= ${NUMBERS_OF[setting]}`),
    ];
    if (problems.length > 0) throw invalid(`Validation Failed: ${problems.map((problem, i) => `${i + 1}: ${problem};`).join('')}`);
    if ((template.composed_of ?? []).length > 0) throw invalid(`index template [${name}] specifies component templates [${template.composed_of.join(',')}] that do not exist`);
    for (const [other, { index_patterns, priority = 0 }] of this.templates) {
      if (other === name || priority !== (template.priority ?? 0) || !index_patterns.some((a) => patterns.some((b) => overlap(a, b)))) continue;
      throw illegalArgument(
        `index template [${name}] has index patterns [${patterns.join(', ')}] matching patterns from existing templates [${other}] with patterns (${other} => [${index_patterns.join(', ')}]) that have the same priority [${priority}], multiple index templates may not match during index creation, please use a different priority`,
      );
    }
    if (template.template?.lifecycle !== undefined && template.data_stream === undefined) throw illegalArgument(`index template [${name}] specifies lifecycle configuration that can only be used in combination with a data stream`);
    const afterComposition = (cause) => illegalArgument(`composable template [${name}] template after composition is invalid`, { caused_by: { type: 'illegal_argument_exception', reason: `invalid composite mappings for [${name}]`, caused_by: cause } });
    const wrong = wrongType(template.template?.mappings?.properties ?? {});
    if (wrong !== undefined) {
      const reason = `The mapper type [${wrong.type}] declared on field [${wrong.name}] does not exist. It might have been created within a future version or requires a plugin to be installed. Check the documentation.`;
      throw afterComposition({ type: 'mapper_parsing_exception', reason: `Failed to parse mapping: ${reason}`, caused_by: { type: 'mapper_parsing_exception', reason } });
    }
    const at = template.template?.mappings?.properties?.['@timestamp']?.type;
    if (template.data_stream !== undefined && at !== undefined && at !== 'date' && at !== 'date_nanos') {
      throw afterComposition({ type: 'illegal_argument_exception', reason: `data stream timestamp field [@timestamp] is of type [${at}], but [date,date_nanos] is expected` });
    }
    this.templates.set(name, { ...template, index_patterns: patterns, ...(template.template === undefined ? {} : { template: { ...template.template, ...(template.template.lifecycle === undefined ? {} : { lifecycle: lifecycleOf(template.template.lifecycle) }) } }) });
  }

  /** As `GET _index_template` shows it. */
  shownTemplate(name) {
    const { index_patterns, template, composed_of = [], priority, version, _meta, data_stream, allow_auto_create } = this.templates.get(name);
    const given = Object.fromEntries(Object.entries({ priority, version, _meta, allow_auto_create }).filter(([, value]) => value !== undefined));
    const settings = template?.settings === undefined ? {} : { settings: { index: nest(flatten(template.settings)).index ?? {} } };
    return {
      name,
      index_template: { index_patterns, ...(template === undefined ? {} : { template: { ...template, ...settings } }), composed_of, ...given, ...(data_stream === undefined ? {} : { data_stream: { hidden: false, allow_custom_routing: false, ...data_stream } }) },
    };
  }

  createIndex(name, { settings = {}, mappings = {} } = {}) {
    const problem = nameProblem(name);
    if (problem !== undefined) throw new ElasticsearchError(400, 'invalid_index_name_exception', `Invalid index name [${name}], ${problem}`, { index_uuid: '_na_', index: name });
    const there = this.indices.get(name);
    if (there !== undefined) throw new ElasticsearchError(400, 'resource_already_exists_exception', `index [${name}/${there.uuid}] already exists`, { index_uuid: there.uuid, index: name });
    const [templateName, template] = this.templateOf(name) ?? [];
    if (template?.data_stream !== undefined) throw illegalArgument(`cannot create index with name [${name}], because it matches with template [${templateName}] that creates data streams only, use create data stream api instead`);
    const mapping = new Mapping(template?.template?.mappings);
    if (mappings.properties !== undefined) mapping.merge(mappings.properties);
    this.indices.set(name, new Index(name, mapping, { ...settingsOf(template?.template?.settings), ...settingsOf(settings) }, this.#refreshMs));
    return this.indices.get(name);
  }

  createDataStream(name) {
    if (this.dataStreams.has(name)) throw new ElasticsearchError(400, 'resource_already_exists_exception', `data_stream [${name}] already exists`);
    const [templateName, template] = this.templateOf(name) ?? [];
    if (template === undefined) throw illegalArgument(`no matching index template found for data stream [${name}]`);
    if (template.data_stream === undefined) throw illegalArgument(`matching index template [${templateName}] for data stream [${name}] has no data stream template`);
    const stream = { name, template: templateName, generation: 0, indices: [], lifecycle: template.template?.lifecycle, lazy: false };
    this.dataStreams.set(name, stream);
    this.rollOver(name);
    return stream;
  }

  /** @returns {{ before: string | undefined, after: string }} names of the write index */
  rollOver(name) {
    const stream = this.dataStreams.get(name);
    if (stream === undefined) {
      if (this.indices.has(name)) throw illegalArgument('rollover target is a [concrete index] but one of [alias,data_stream] was expected');
      throw new ElasticsearchError(404, 'resource_not_found_exception', `rollover target [${name}] does not exist`);
    }
    const before = stream.indices.at(-1)?.name;
    const after = this.nextBackingIndex(stream);
    const template = this.templates.get(stream.template);
    const index = new Index(after, new Mapping(template?.template?.mappings, true), settingsOf(template?.template?.settings), this.#refreshMs, name);
    stream.generation++;
    stream.lazy = false;
    stream.indices.push(index);
    this.indices.set(after, index);
    return { before, after };
  }

  nextBackingIndex(stream) {
    return `.ds-${stream.name}-${new Date().toISOString().slice(0, 10).replaceAll('-', '.')}-${String(stream.generation + 1).padStart(6, '0')}`;
  }

  /** The index that a write to this name goes to; it is created where that is allowed. */
  writeIndex(name, { requiresDataStream = false, operation = 'create' } = {}) {
    let stream = this.dataStreams.get(name);
    if (stream === undefined && !this.indices.has(name)) {
      const problem = nameProblem(name);
      if (problem !== undefined) throw new ElasticsearchError(400, 'invalid_index_name_exception', `Invalid index name [${name}], ${problem}`, { index_uuid: '_na_', index: name });
      if (this.templateOf(name)?.[1].data_stream !== undefined) {
        if (operation !== 'create') throw onlyCreate(name);
        stream = this.createDataStream(name);
      } else if (requiresDataStream) throw noSuchIndex(name, ' and the index creation request requires a data stream, but no matching index template with data stream template was found for it');
      else return this.createIndex(name);
    }
    if (stream === undefined) return this.indices.get(name);
    if (operation !== 'create') throw onlyCreate(name);
    if (stream.lazy) this.rollOver(name);
    return stream.indices.at(-1);
  }

  /** The indices that an expression like `a,logs-*` names. */
  resolve(expression, { ignoreUnavailable = false, allowNone = true } = {}) {
    const found = new Set();
    for (const name of expression.split(',')) {
      const isWildcard = name.includes('*') || name === '_all';
      const pattern = name === '_all' ? '*' : name;
      for (const [key, stream] of this.dataStreams) if (matches(pattern, key)) for (const index of stream.indices) found.add(index);
      for (const [key, index] of this.indices) if (matches(pattern, key) && (!isWildcard || (index.dataStream === undefined && !key.startsWith('.')) || pattern.startsWith('.'))) found.add(index);
      if (!isWildcard && !ignoreUnavailable && !this.indices.has(name) && !this.dataStreams.has(name)) throw noSuchIndex(name);
    }
    if (!allowNone && found.size === 0) throw noSuchIndex(expression);
    return [...found];
  }

  streams(expression) {
    const found = [...this.dataStreams.values()].filter(({ name }) => expression.split(',').some((pattern) => matches(pattern === '_all' ? '*' : pattern, name)));
    for (const name of expression.split(',')) if (!name.includes('*') && name !== '_all' && !this.dataStreams.has(name)) throw noSuchIndex(name);
    return found;
  }

  /** The lifecycle of a data stream, with what becomes of its retention under the maximum of the cluster. */
  shownLifecycle({ lifecycle }) {
    if (lifecycle === undefined) return undefined;
    const max = this.#retentionMax === undefined ? Infinity : timeValue(this.#retentionMax);
    const given = lifecycle.data_retention === undefined ? undefined : timeValue(lifecycle.data_retention);
    const effective =
      given === undefined && this.#retentionDefault !== undefined ? [this.#retentionDefault, 'default_global_retention']
      : given === undefined || given > max ? [this.#retentionMax, 'max_global_retention']
      : [lifecycle.data_retention, 'data_stream_configuration'];
    return { ...lifecycle, ...(effective[0] === undefined ? {} : { effective_retention: effective[0], retention_determined_by: effective[1] }) };
  }

  get retentionMax() {
    return this.#retentionMax;
  }
}

export function lifecycleOf({ enabled = true, data_retention, ...rest }) {
  if (data_retention !== undefined && data_retention !== null) {
    try {
      timeValue(data_retention, 'data_retention');
    } catch (error) {
      const reasons = ['[1:1] [lifecycle_template] failed to parse field [data_retention]', '[1:1] [template] failed to parse field [lifecycle]', '[1:1] [index_template] failed to parse field [template]'];
      const nested = reasons.slice(0, 2).reduce((inner, reason) => ({ type: 'x_content_parse_exception', reason, caused_by: inner }), error.cause);
      throw new ElasticsearchError(400, 'x_content_parse_exception', reasons[2], { caused_by: nested });
    }
  }
  return { enabled, ...(data_retention === undefined || data_retention === null ? {} : { data_retention }), ...rest };
}

export const onlyCreate = (name) =>
  illegalArgument('only write ops with an op_type of create are allowed in data streams', {
    caused_by: { type: 'index_not_found_exception', reason: `no such index [${name}]`, 'resource.type': 'index_or_alias', excluded_ds: 'true', 'resource.id': name, index_uuid: '_na_', index: name },
  });

function nameProblem(name) {
  if (name !== name.toLowerCase()) return 'must be lowercase';
  if (/^[_+-]/.test(name)) return "must not start with '_', '-', or '+'";
  if (/[\\/*?"<>| ,]/.test(name)) return "must not contain the following characters [' ','\"','*',',','/','<','>','?','\\','|']";
  return Buffer.byteLength(name) > 255 ? `index name is too long, (${Buffer.byteLength(name)} > 255)` : undefined;
}

/** Whether some name fits both. */
function overlap(a, b) {
  if (a === '' || b === '') return [a, b].every((rest) => rest.replaceAll('*', '') === '');
  if (a[0] === '*') return overlap(a.slice(1), b) || overlap(a, b.slice(1));
  if (b[0] === '*') return overlap(b, a);
  return a[0] === b[0] && overlap(a.slice(1), b.slice(1));
}

function wrongType(properties) {
  for (const [name, field] of Object.entries(properties)) {
    if (field.type !== undefined && !FIELD_TYPES.includes(field.type)) return { name, type: field.type };
    const inner = wrongType(field.properties ?? {});
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** `{ index: { translog: { durability } } }` and `{ 'translog.durability' }` are the same: `index.translog.durability`. */
function flatten(settings, prefix = '') {
  return Object.entries(settings).reduce((all, [name, value]) => {
    const path = prefix === '' && name !== 'index' && !name.startsWith('index.') ? `index.${name}` : `${prefix}${name}`;
    return { ...all, ...(typeof value === 'object' && value !== null && !Array.isArray(value) ? flatten(value, `${path}.`) : { [path]: value }) };
  }, {});
}

function nest(flat) {
  const result = {};
  for (const [path, value] of Object.entries(flat)) {
    const names = path.split('.');
    let at = result;
    for (const name of names.slice(0, -1)) at = at[name] ??= {};
    at[names.at(-1)] = Array.isArray(value) ? value.map(String) : String(value);
  }
  return result;
}

const settingsOf = (settings = {}) => nest(flatten(settings)).index ?? {};
