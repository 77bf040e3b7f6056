// Answers as Datadog's two intakes do, `POST /api/v2/logs` and `POST /api/v2/series`, as far as their documentation says (docs.datadoghq.com/api/latest/logs/#send-logs,
// /api/latest/metrics/#submit-metrics, /getting_started/tagging/, /logs/log_configuration/). Nothing of Datadog's is in it.
//
// What it checks, and answers as documented
//   key              `DD-API-KEY` missing: logs 401, series 403. Another one: 403. Series say {"errors":["Forbidden"]}, logs {"errors":[{"status","title","detail"}]}
//   content          other than application/json: 415; no JSON, or not of the documented form: 400; another path: 404; another method: 405
//   logs             more than 5 MB unpacked, or more than 1,000 entries: 413 (of the count the documentation says the limit alone). An answer is 202 {}
//   series           more than 512,000 bytes as sent, or more than 5,242,880 unpacked: 413 "Payload too big". An answer is 202 {"errors":[]}
//   a series         `metric` (letters, digits, `_` and `.`, a letter first, 200 characters), `type` 0 to 3, `interval` in whole seconds for a count or rate, `points` of
//                    { timestamp in whole seconds, value }, `resources` of { type, name }, `tags`; a field that is none of the documented ones is 400
// What it takes with 202 nevertheless, as the real intake does, and counts in `losses`: what a client must not let happen
//   truncated        logs above 1 MB, which lose their end
//   late, ahead      logs older than 18 hours or more than two hours in the future: they are not kept. Points older than an hour, or more than ten minutes in the future
//   overwritten      points of counts for a series (metric, host, tags) that has one of that second: the later one takes its place (seen by users: vector's issue 13867)
//   tags             that would be changed (characters, length), or are too many (100 of a log)
//   attributes       more than 256 of a log, or nested deeper than 20
import { ContractServer } from './contract-server.mjs';

const MB = 1_000_000;
const HOUR_MS = 3_600_000;
const TITLES = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Timeout', 413: 'Payload too big', 415: 'Unsupported Media Type', 429: 'Too Many Requests', 500: 'Internal Server Error', 503: 'Service Unavailable' };
const STATUSES = /^(?:emerg|f|a|c|e|w|n|i|d|t|v|o|s)/i;
const DATES = ['timestamp', 'date', '_timestamp', 'Timestamp', 'eventTime', 'published_date'];
const TAG = /^\p{L}[\p{L}\p{N}_\-:./]*[\p{L}\p{N}_\-./]$/u;
const METRIC = /^[A-Za-z][A-Za-z0-9_.]{0,199}$/;
const SERIES_FIELDS = ['metric', 'type', 'points', 'interval', 'metadata', 'resources', 'source_type_name', 'tags', 'unit'];
const COUNT = 1;
const RATE = 2;

/** Text fields of a log that have a meaning of their own. */
const LOG_TEXTS = ['message', 'ddsource', 'ddtags', 'hostname', 'service'];

class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The two intakes of one organization. */
export class DatadogServer extends ContractServer {
  #apiKey;
  #now;
  #limits;
  #keep;
  /** The logs that are kept, in the order in which they came; empty with `keep: 'ids'`. */
  logs = [];
  /** How often each `event.id` is among the logs that are kept. */
  ids = new Map();
  /** The points of all series that are kept: { metric, type, interval, tags, host, unit, timestamp, value }. */
  points = [];
  /** See above. */
  losses = { truncated: 0, late: 0, ahead: 0, tags: 0, attributes: 0, latePoints: 0, aheadPoints: 0, overwritten: 0 };
  /** Where in `points` the one of a series and second is. */
  #places = new Map();

  /**
   * @param {object} options
   * @param {string} options.apiKey the one that is right
   * @param {() => number} [options.now] ms since 1970
   * @param {{ logsBytes?: number, logs?: number, seriesBytes?: number, sentSeriesBytes?: number }} [options.limits] lower ones, as a proxy before Datadog may have
   * @param {'all' | 'ids'} [options.keep] what of logs is kept
   * @param {{ key: string, cert: string }} [options.tls]
   * @param {import('./fault-plan.mjs').FaultOptions} [options.faults]
   */
  constructor({ apiKey, now = Date.now, limits = {}, keep = 'all', tls, faults }) {
    super({ handle: (request) => this.#answer(request), refuse: (status, headers, path) => ({ ...refusalOf(path, new Refusal(status, '')), headers }), tls, faults });
    this.#apiKey = apiKey;
    this.#now = now;
    this.#keep = keep;
    this.#limits = { logsBytes: 5 * MB, logs: 1_000, seriesBytes: 5_242_880, sentSeriesBytes: 512_000, ...limits };
  }

  get logsUrl() {
    return `${this.url}/api/v2/logs`;
  }

  get metricsUrl() {
    return `${this.url}/api/v2/series`;
  }

  /** Of all points of a count, or of those that have all of these tags. */
  sumOf(metric, ...tags) {
    return this.pointsOf(metric, ...tags).reduce((sum, { value }) => sum + value, 0);
  }

  pointsOf(metric, ...tags) {
    return this.points.filter((point) => point.metric === metric && tags.every((tag) => point.tags.includes(tag)));
  }

  #answer(request) {
    try {
      return this.#take(request);
    } catch (error) {
      if (error instanceof Refusal) return refusalOf(request.path, error);
      throw error;
    }
  }

  #take({ method, path, headers, body, sentBytes }) {
    const isLogs = path === '/api/v2/logs';
    if (!isLogs && path !== '/api/v2/series') throw new Refusal(404, 'HTTP path is invalid');
    if (method !== 'POST') throw new Refusal(405, 'POST is expected');
    const key = headers['dd-api-key'];
    if (key === undefined) throw new Refusal(isLogs ? 401 : 403, 'API key is missing');
    if (key !== this.#apiKey) throw new Refusal(403, 'API key is invalid');
    if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) throw new Refusal(415, 'application/json is expected');
    if (isLogs ? body.length > this.#limits.logsBytes : body.length > this.#limits.seriesBytes || sentBytes > this.#limits.sentSeriesBytes) throw new Refusal(413, 'Payload too big');
    const content = jsonOf(body);
    if (isLogs) this.#takeLogs(Array.isArray(content) ? content : [content]);
    else this.#takeSeries(content);
    return { status: 202, body: isLogs ? {} : { errors: [] } };
  }

  #takeLogs(logs) {
    if (logs.length > this.#limits.logs) throw new Refusal(413, `more than ${this.#limits.logs} entries`);
    for (const [index, log] of logs.entries()) checkLog(log, `[${index}]`);
    for (const log of logs) this.#takeLog(log);
  }

  #takeLog(log) {
    const now = this.#now();
    const at = dateOf(log) ?? now;
    if (at < now - 18 * HOUR_MS) {
      this.losses.late++;
      return;
    }
    if (at > now + 2 * HOUR_MS) {
      this.losses.ahead++;
      return;
    }
    const tags = log.ddtags === undefined || log.ddtags === '' ? [] : log.ddtags.split(',');
    if (tags.length > 100 || !tags.every(isTag)) this.losses.tags++;
    if (countOf(log) > 256 || depthOf(log) > 20) this.losses.attributes++;
    const id = log.event?.id ?? log['event.id'];
    this.ids.set(id, (this.ids.get(id) ?? 0) + 1);
    if (this.#keep === 'ids') return;
    const json = JSON.stringify(log);
    if (Buffer.byteLength(json) <= MB) this.logs.push(log);
    else {
      this.losses.truncated++;
      this.logs.push({ message: Buffer.from(json).subarray(0, MB).toString() });
    }
  }

  #takeSeries(content) {
    if (!isObject(content) || !Array.isArray(content.series)) throw new Refusal(400, 'series: must be a list');
    for (const [index, series] of content.series.entries()) checkSeries(series, `series[${index}]`);
    const now = this.#now();
    for (const { metric, type = 0, interval, tags = [], resources = [], unit, points } of content.series) {
      if (tags.length > 100 || !tags.every(isTag)) this.losses.tags++;
      const host = resources.find((resource) => resource.type === 'host')?.name;
      for (const { timestamp, value } of points) {
        if (timestamp * 1_000 < now - HOUR_MS) this.losses.latePoints++;
        else if (timestamp * 1_000 > now + HOUR_MS / 6) this.losses.aheadPoints++;
        else this.#keepPoint({ metric, type, interval, tags, host, unit, timestamp, value });
      }
    }
  }

  #keepPoint(point) {
    const series = JSON.stringify([point.metric, point.host, point.tags.toSorted(), point.timestamp]);
    const known = this.#places.get(series);
    if (known !== undefined && point.type === COUNT) this.losses.overwritten++;
    this.#places.set(series, known ?? this.points.length);
    this.points[known ?? this.points.length] = point;
  }
}

function refusalOf(path, { status, message }) {
  const title = TITLES[status] ?? 'Error';
  return { status, body: { errors: path === '/api/v2/series' ? [status === 400 ? message || title : title] : [{ status: String(status), title, ...(message === '' ? {} : { detail: message }) }] } };
}

function jsonOf(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal(400, 'Invalid JSON');
  }
}

function checkLog(log, at) {
  if (!isObject(log)) throw new Refusal(400, `${at}: must be an object`);
  if (typeof log.message !== 'string') throw new Refusal(400, `${at}.message: is required, a text`);
  for (const name of LOG_TEXTS) if (log[name] !== undefined && typeof log[name] !== 'string') throw new Refusal(400, `${at}.${name}: must be a text`);
  if (log.status !== undefined && !STATUSES.test(String(log.status))) throw new Refusal(400, `${at}.status: is no status`);
}

function checkSeries(series, at) {
  if (!isObject(series)) throw new Refusal(400, `${at}: must be an object`);
  for (const name of Object.keys(series)) if (!SERIES_FIELDS.includes(name)) throw new Refusal(400, `${at}.${name}: unknown field`);
  const { metric, type = 0, interval, points, tags = [], resources = [], unit } = series;
  const must = (fits, what) => {
    if (!fits) throw new Refusal(400, `${at}.${what}`);
  };
  must(typeof metric === 'string' && METRIC.test(metric), 'metric: is no name of a metric');
  must([0, 1, 2, 3].includes(type), 'type: must be 0, 1, 2 or 3');
  if (type === COUNT || type === RATE) must(Number.isSafeInteger(interval) && interval > 0, 'interval: is required for a count or rate, in seconds');
  must(Array.isArray(points) && points.length > 0, 'points: must be a list');
  for (const point of points) {
    must(isObject(point) && Number.isSafeInteger(point.timestamp), 'points: timestamp must be in whole seconds');
    must(typeof point.value === 'number' && Number.isFinite(point.value), 'points: value must be a number');
    must(point.timestamp < 100_000_000_000, 'points: timestamp must be in seconds, not ms');
  }
  must(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'), 'tags: must be a list of texts');
  must(Array.isArray(resources) && resources.every((resource) => isObject(resource) && typeof resource.type === 'string' && typeof resource.name === 'string'), 'resources: must be a list of { type, name }');
  must(unit === undefined || typeof unit === 'string', 'unit: must be a text');
}

/** As the date remapper reads it: ISO 8601, or ms since 1970. `undefined`: when it came. */
function dateOf(log) {
  const value = DATES.map((name) => log[name]).find((date) => date !== undefined);
  const at = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : at;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTag = (tag) => tag.length <= 200 && tag === tag.toLowerCase() && TAG.test(tag);
const countOf = (value) => (typeof value === 'object' && value !== null ? Object.values(value).reduce((sum, item) => sum + countOf(item), 0) : 1);
const depthOf = (value) => (typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0);
