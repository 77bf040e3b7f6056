// What an index makes of a document: the mapping of a template checks the types of its fields, and a field that it does not have is mapped by its first value, unless `dynamic` says otherwise.
import { isIP } from 'node:net';
import { ElasticsearchError, notJson } from './elasticsearch-errors.mjs';

const DATE_FORMAT = 'strict_date_optional_time||epoch_millis';
/** `strict_date_optional_time`: ISO 8601, parts of it left out from the right. */
const ISO = /^\d{4}(-\d{2}(-\d{2}(T(\d{2}(:\d{2}(:\d{2}([.,]\d{1,9})?)?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?)?)?$/;
const INTEGERS = { byte: 128, short: 32_768, integer: 2_147_483_648, long: 2 ** 63 };
const TEXT = ['keyword', 'text', 'wildcard', 'match_only_text', 'constant_keyword', 'version'];
const NUMBERS = ['double', 'float', 'half_float', 'scaled_float'];
/** Field types of a full 8.19 that an audit trail could use. */
export const FIELD_TYPES = [...Object.keys(INTEGERS), ...TEXT, ...NUMBERS, 'unsigned_long', 'date', 'date_nanos', 'boolean', 'ip', 'object', 'nested', 'flattened', 'binary', 'geo_point', 'alias', 'dense_vector', 'integer_range', 'long_range', 'date_range', 'ip_range'];

/** @returns {number | undefined} ms since 1970; `undefined` where it is no date */
export function dateOf(value) {
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value !== 'string') return undefined;
  if (ISO.test(value)) {
    // ECMAScript wants minutes where there are hours, takes a date alone as UTC, and a time without a zone as local.
    const [day, time] = value.replace(',', '.').split('T');
    const [, clock = '', zone = ''] = /^([\d:.]*)(.*)$/.exec(time ?? '') ?? [];
    const hours = clock === '' ? '00:00' : clock.length === 2 ? `${clock}:00` : clock;
    const at = Date.parse(time === undefined ? day : `${day}T${hours}${zone === '' ? 'Z' : /^[+-]\d{2}$/.test(zone) ? `${zone}:00` : zone}`);
    return Number.isNaN(at) ? undefined : at;
  }
  return /^-?\d{5,}$/.test(value) ? Number(value) : undefined;
}

const causedBy = (type, reason, more) => ({ caused_by: { type, reason, ...more } });
const parsing = (reason, more) => new ElasticsearchError(400, 'document_parsing_exception', reason, more);
const noField = (path, type, id, value, cause) =>
  parsing(`[1:1] failed to parse field [${path}] of type [${type}] in document with id '${id}'. Preview of field's value: '${typeof value === 'object' && value !== null ? preview(value) : value}'`, cause);
const preview = (value) => `{${Object.entries(value).map(([name, inner]) => `${name}=${inner}`).join(', ')}}`;

/** The mapping of one index: of its template, and of what came since. */
export class Mapping {
  #dynamic;
  #properties;
  #isDataStream;

  constructor({ dynamic = true, properties = {}, ...rest } = {}, isDataStream = false) {
    this.#dynamic = String(dynamic);
    this.#properties = structuredClone(properties);
    this.#isDataStream = isDataStream;
    this.rest = rest;
    if (isDataStream) this.#properties['@timestamp'] ??= { type: 'date' };
  }

  /** As `GET <index>/_mapping` shows it: names in order. */
  toJSON() {
    const explicit = this.#dynamic === 'true' ? {} : { dynamic: this.#dynamic };
    const properties = Object.keys(this.#properties).length === 0 ? {} : { properties: sorted(this.#properties) };
    return { ...explicit, ...this.rest, ...(this.#isDataStream ? { _data_stream_timestamp: { enabled: true } } : {}), ...properties };
  }

  /** The type of a field by its path, or of a field of it; `undefined` where it is not mapped. */
  typeOf(path) {
    let properties = this.#properties;
    const names = path.split('.');
    for (let i = 0; i < names.length; i++) {
      const field = properties?.[names[i]];
      if (field === undefined) return undefined;
      if (i === names.length - 1) return field.type ?? 'object';
      if (field.type === 'flattened') return 'keyword';
      properties = field.properties ?? field.fields;
    }
    return undefined;
  }

  /** `PUT <index>/_mapping` */
  merge(properties, into = this.#properties, prefix = '') {
    for (const [name, field] of Object.entries(properties)) {
      const had = into[name];
      const path = prefix + name;
      if (field.properties !== undefined && had?.properties !== undefined) this.merge(field.properties, had.properties, `${path}.`);
      else if (had !== undefined && (had.type ?? 'object') !== (field.type ?? 'object'))
        throw new ElasticsearchError(400, 'illegal_argument_exception', `mapper [${path}] cannot be changed from type [${had.type ?? 'object'}] to [${field.type ?? 'object'}]`);
      else into[name] = structuredClone({ ...had, ...field });
    }
  }

  /**
   * @param {string} text the JSON of a document
   * @returns {unknown} what it is
   * @throws {ElasticsearchError} that refuses it
   */
  accept(text, id) {
    let document;
    try {
      document = JSON.parse(text);
    } catch (error) {
      const { type, reason, ...more } = notJson(error).cause;
      throw parsing(`[1:2] failed to parse: ${reason}`, causedBy(type, reason, more));
    }
    if (typeof document !== 'object' || document === null || Array.isArray(document)) throw parsing('Malformed content, must start with an object');
    this.#check(document, this.#properties, '', id, this.#dynamic);
    const at = document['@timestamp'];
    if (this.#isDataStream && (at === undefined || at === null || (Array.isArray(at) && at.length === 0))) {
      const reason = 'data stream timestamp field [@timestamp] is missing';
      throw parsing(`[1:${text.length}] failed to parse: ${reason}`, causedBy('illegal_argument_exception', reason));
    }
    if (this.#isDataStream && Array.isArray(at) && at.length > 1) throw noField('@timestamp', 'date', id, at[1], causedBy('illegal_argument_exception', 'data stream timestamp field [@timestamp] encountered multiple values'));
    return document;
  }

  #check(object, properties, prefix, id, dynamic) {
    for (const name in object) {
      const value = object[name];
      if (value === null) continue;
      const path = prefix + name;
      // `{"a.b": 1}` is `{"a": {"b": 1}}`.
      const dot = name.indexOf('.');
      if (dot > 0 && properties[name] === undefined) {
        this.#check({ [name.slice(0, dot)]: { [name.slice(dot + 1)]: value } }, properties, prefix, id, dynamic);
        continue;
      }
      const field = properties[name];
      if (field === undefined) {
        if (dynamic === 'strict') throw new ElasticsearchError(400, 'strict_dynamic_mapping_exception', `[1:1] mapping set to strict, dynamic introduction of [${name}] within [${prefix === '' ? '_doc' : prefix.slice(0, -1)}] is not allowed`);
        if (dynamic === 'true') this.#introduce(properties, name, value, path, id);
        continue;
      }
      for (const one of Array.isArray(value) ? value : [value]) if (one !== null) this.#checkOne(one, field, path, id, dynamic);
    }
  }

  #checkOne(value, field, path, id, dynamic) {
    const type = field.type ?? 'object';
    if (type === 'object' || type === 'nested') {
      if (typeof value !== 'object') throw parsing(`[1:1] object mapping for [${path}] tried to parse field [${path.split('.').pop()}] as object, but found a concrete value`);
      this.#check(value, (field.properties ??= {}), `${path}.`, id, String(field.dynamic ?? dynamic));
      return;
    }
    const cause = refusal(type, value, field);
    if (cause !== undefined && field.ignore_malformed !== true) throw noField(path, type, id, value, cause);
  }

  #introduce(properties, name, value, path, id) {
    const one = Array.isArray(value) ? value.find((inner) => inner !== null) : value;
    if (one === undefined) return;
    if (typeof one === 'object') {
      properties[name] = { properties: {} };
      for (const inner of Array.isArray(value) ? value : [value]) this.#check(inner, properties[name].properties, `${path}.`, id, 'true');
    } else if (typeof one === 'string') {
      properties[name] = ISO.test(one) && one.length >= 10 && dateOf(one) !== undefined ? { type: 'date' } : { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } };
    } else if (typeof one === 'number') properties[name] = { type: Number.isInteger(one) ? 'long' : 'float' };
    else properties[name] = { type: 'boolean' };
  }
}

/** Why a field of this type does not take the value; `undefined` where it does. */
function refusal(type, value, field) {
  if (TEXT.includes(type)) return typeof value === 'object' ? causedBy('illegal_argument_exception', 'Expected text at 1:1 but found START_OBJECT') : tooLong(type, value, field);
  if (type === 'flattened') {
    const reason = `Failed to parse object: expecting token of type [START_OBJECT] but found [${typeof value === 'string' ? 'VALUE_STRING' : 'VALUE_NUMBER'}]`;
    return typeof value === 'object' ? undefined : causedBy('parsing_exception', reason, { line: 1, col: 1 });
  }
  if (type === 'date' || type === 'date_nanos') {
    if (dateOf(value) !== undefined) return undefined;
    if (value === '') return causedBy('illegal_argument_exception', 'cannot parse empty datetime');
    return causedBy('illegal_argument_exception', `failed to parse date field [${value}] with format [${field.format ?? DATE_FORMAT}]`, causedBy('date_time_parse_exception', 'Failed to parse with all enclosed parsers'));
  }
  if (INTEGERS[type] !== undefined) {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number !== 'number' || Number.isNaN(number)) return causedBy('illegal_argument_exception', `For input string: "${value}"`);
    return Math.abs(number) > INTEGERS[type] ? causedBy('illegal_argument_exception', `Value [${value}] is out of range for ${type === 'integer' ? 'an' : 'a'} ${type}`) : undefined;
  }
  if (NUMBERS.includes(type)) return Number.isFinite(Number(value)) && typeof value !== 'object' ? undefined : causedBy('number_format_exception', `For input string: "${value}"`);
  if (type === 'boolean') return value === true || value === false || value === 'true' || value === 'false' || value === '' ? undefined : causedBy('illegal_argument_exception', `Failed to parse value [${value}] as only [true] or [false] are allowed.`);
  if (type === 'ip') return typeof value === 'string' && isIP(value) !== 0 ? undefined : causedBy('illegal_argument_exception', `'${value}' is not an IP string literal.`);
  return undefined;
}

/** Lucene takes no term of more than 32,766 bytes; `ignore_above` keeps longer ones out of the index. */
function tooLong(type, value, field) {
  if (type !== 'keyword' || typeof value !== 'string' || value.length <= 10_922 || value.length > (field.ignore_above ?? Infinity)) return undefined;
  const bytes = Buffer.byteLength(value);
  return bytes <= 32_766 ? undefined : causedBy('illegal_argument_exception', `Document contains at least one immense term (whose UTF8 encoding is longer than the max length 32766), of ${bytes} bytes`);
}

function sorted(properties) {
  const result = {};
  for (const name of Object.keys(properties).sort()) result[name] = properties[name].properties === undefined ? properties[name] : { ...properties[name], properties: sorted(properties[name].properties) };
  return result;
}
