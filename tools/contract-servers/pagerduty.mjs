// A server that answers as PagerDuty's Events API v2 is documented to: https://developer.pagerduty.com/docs/events-api-v2-overview and the pages below it.
//
// It checks: path and method; JSON of 512 KB at most; `routing_key` of 32 characters that is one of the known; `event_action`; `dedup_key` of 255 characters at most, which `resolve` and
// `acknowledge` need; of a trigger `payload.summary` (1 to 1,024 characters), `payload.source`, `payload.severity` (critical, error, warning, info), `payload.timestamp` (ISO 8601),
// `payload.custom_details` (an object), `links` (each with a `href`); of a change event the same without severity, and that the key does not begin with R. 120 calls within any 60 s for each key, change events included; more get 429.
// It answers: 202 with `dedup_key`; 400 "invalid event" with `errors`; 429 "throttle exceeded"; 404, 405.
// It keeps alerts: a trigger opens one, or adds to the open one with the same key; a resolve ends it, and is dropped where none is open.
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { ContractServer } from './contract-server.mjs';

const MAX_BODY_BYTES = 512 * 1_024;
const LIMIT = 120;
const WINDOW_MS = 60_000;
const SEVERITIES = ['critical', 'error', 'warning', 'info'];
const ACTIONS = ['trigger', 'acknowledge', 'resolve'];
const ISO_8601 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$/;

/** The key that a server knows unless it is told others. */
export const CONTRACT_KEY = 'c0ffee00c0ffee00c0ffee00c0ffee00';

/**
 * @typedef {object} ContractAlert
 * @property {string} dedupKey
 * @property {'open' | 'resolved'} status
 * @property {number} opened how often it was opened
 * @property {number} triggers those that found it open included
 * @property {number} resolves those that found it open
 * @property {Record<string, any>} payload of the last trigger
 *
 * @typedef {object} PagerDutyOptions
 * @property {readonly string[]} [keys] integration keys that are known
 * @property {() => number} [now] monotonic, in ms
 */

/** The API without its server: what it holds, and what it answers to a body. */
export class PagerDutyEvents {
  #keys;
  #now;
  /** Per key: when calls came. */
  #calls = new Map();
  /** @type {Map<string, ContractAlert>} */
  alerts = new Map();
  /** @type {Record<string, any>[]} payloads of change events */
  changes = [];
  /** @type {{ at: number, action: string, dedupKey: string | undefined, status: number }[]} the last 100,000 calls that were answered here */
  history = [];
  counts = { triggers: 0, deduplicated: 0, acknowledges: 0, resolves: 0, droppedResolves: 0, changes: 0, invalid: 0, throttled: 0 };

  /** @param {PagerDutyOptions} [options] */
  constructor({ keys = [CONTRACT_KEY], now = () => performance.now() } = {}) {
    this.#keys = new Set(keys);
    this.#now = now;
  }

  /** Dedup keys of the open alerts. */
  get open() {
    return [...this.alerts.values()].filter(({ status }) => status === 'open').map(({ dedupKey }) => dedupKey);
  }

  /** Most calls that came within any 60 s, those that were refused included. */
  mostCallsInWindow = 0;

  /**
   * @param {string} method
   * @param {string} path
   * @param {Buffer | string} body
   * @returns {import('./contract-server.mjs').ContractAnswer}
   */
  answer(method, path, body) {
    const isChange = path === '/v2/change/enqueue';
    if (!isChange && path !== '/v2/enqueue') return { status: 404, body: { status: 'not found', message: 'Not Found' } };
    if (method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: { status: 'method not allowed', message: 'Method Not Allowed' } };
    if (Buffer.byteLength(body) > MAX_BODY_BYTES) return refusePagerDuty(413);
    const event = parse(body);
    const errors = event === undefined ? ['body is not a valid JSON object'] : isChange ? this.#changeErrors(event) : this.#eventErrors(event);
    const throttled = this.#count(event?.routing_key);
    const answer = throttled ? refusePagerDuty(429) : errors.length > 0 ? invalid(errors) : isChange ? this.#takeChange(event) : this.#take(event);
    if (throttled) this.counts.throttled++;
    else if (errors.length > 0) this.counts.invalid++;
    this.history.push({ at: this.#now(), action: isChange ? 'change' : event?.event_action, dedupKey: event?.dedup_key, status: answer.status });
    if (this.history.length > 100_000) this.history.shift();
    return answer;
  }

  /** Whether it is one too many. */
  #count(key) {
    const now = this.#now();
    const name = String(key);
    const calls = (this.#calls.get(name) ?? []).filter((at) => at > now - WINDOW_MS);
    calls.push(now);
    this.#calls.set(name, calls);
    this.mostCallsInWindow = Math.max(this.mostCallsInWindow, calls.length);
    return calls.length > LIMIT;
  }

  #keyErrors({ routing_key: key }) {
    if (typeof key !== 'string') return ["'routing_key' is missing or blank"];
    if (key.length !== 32) return ["Length of 'routing_key' is incorrect (should be 32 characters)"];
    return this.#keys.has(key) ? [] : ['Invalid routing key'];
  }

  #eventErrors(event) {
    const errors = this.#keyErrors(event);
    const { event_action: action, dedup_key: key } = event;
    if (!ACTIONS.includes(action)) errors.push(`'event_action' is invalid (must be one of ${ACTIONS.join(', ')})`);
    if (key !== undefined && (typeof key !== 'string' || key.length > 255)) errors.push("'dedup_key' is invalid (must be a string of at most 255 characters)");
    if (action !== 'trigger' && (typeof key !== 'string' || key === '')) errors.push("'dedup_key' is missing or blank");
    if (action === 'trigger') errors.push(...payloadErrors(event.payload, true), ...linkErrors(event.links));
    return errors;
  }

  #changeErrors(event) {
    const errors = this.#keyErrors(event);
    if (String(event.routing_key).startsWith('R')) errors.push('change events are not accepted on the routing key of a ruleset');
    return [...errors, ...payloadErrors(event.payload, false), ...linkErrors(event.links)];
  }

  #take({ event_action: action, dedup_key: given, payload }) {
    const dedupKey = given ?? randomUUID().replaceAll('-', '');
    const alert = this.alerts.get(dedupKey);
    if (action === 'trigger') {
      this.counts.triggers++;
      if (alert?.status === 'open') {
        this.counts.deduplicated++;
        alert.triggers++;
        alert.payload = payload;
      } else {
        this.alerts.set(dedupKey, { dedupKey, status: 'open', opened: (alert?.opened ?? 0) + 1, triggers: (alert?.triggers ?? 0) + 1, resolves: alert?.resolves ?? 0, payload });
      }
    } else if (action === 'resolve') {
      this.counts.resolves++;
      if (alert?.status === 'open') {
        alert.status = 'resolved';
        alert.resolves++;
      } else {
        this.counts.droppedResolves++;
      }
    } else {
      this.counts.acknowledges++;
    }
    return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key: dedupKey } };
  }

  #takeChange({ payload }) {
    this.counts.changes++;
    this.changes.push(payload);
    return { status: 202, body: { status: 'success', message: 'Change event processed' } };
  }
}

/** That API on loopback: `pagerDuty.events` is what it holds, `pagerDuty.faults` what is injected. */
export class PagerDutyServer extends ContractServer {
  /** @param {PagerDutyOptions & { tls?: { key: string, cert: string }, faults?: import('./fault-plan.mjs').FaultOptions }} [options] */
  constructor({ keys, now, tls, faults } = {}) {
    const events = new PagerDutyEvents({ keys, now });
    super({
      handle: ({ method, path, body }) => events.answer(method, path, body),
      refuse: (status, headers) => refusePagerDuty(status, headers),
      maxBodyBytes: MAX_BODY_BYTES,
      ...(tls === undefined ? {} : { tls }),
      ...(faults === undefined ? {} : { faults }),
    });
    this.events = events;
  }
}

/**
 * How the API says a status.
 * @param {number} status
 * @param {Record<string, string>} [headers]
 */
export function refusePagerDuty(status, headers = {}) {
  if (status === 400) return { ...invalid(['an injected fault']), headers };
  if (status === 429) return { status, headers, body: { status: 'throttle exceeded', message: 'Requests for this service are arriving too quickly.  Please retry later.' } };
  return { status, headers, body: { status: 'error', message: STATUS_CODES[status] ?? 'Error' } };
}

const invalid = (errors) => ({ status: 400, body: { status: 'invalid event', message: 'Event object is invalid', errors } });

function parse(body) {
  try {
    const value = JSON.parse(String(body));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function payloadErrors(payload, isTrigger) {
  if (typeof payload !== 'object' || payload === null) return ["'payload' is missing or blank"];
  const errors = [];
  const { summary, source, severity, timestamp, custom_details: details } = payload;
  if (typeof summary !== 'string' || summary === '') errors.push("'payload.summary' is missing or blank");
  else if (summary.length > 1_024) errors.push("'payload.summary' is too long (maximum is 1024 characters)");
  if (isTrigger && (typeof source !== 'string' || source === '')) errors.push("'payload.source' is missing or blank");
  if (isTrigger && !SEVERITIES.includes(severity)) errors.push(`'payload.severity' is invalid (must be one of ${SEVERITIES.join(', ')})`);
  if (timestamp !== undefined && (typeof timestamp !== 'string' || !ISO_8601.test(timestamp) || Number.isNaN(Date.parse(timestamp)))) errors.push("'payload.timestamp' is invalid (must be ISO 8601)");
  if (details !== undefined && (typeof details !== 'object' || details === null)) errors.push("'payload.custom_details' is invalid (must be an object)");
  return errors;
}

function linkErrors(links = []) {
  const fits = Array.isArray(links) && links.every((link) => typeof link?.href === 'string' && link.href !== '' && ['string', 'undefined'].includes(typeof link.text));
  return fits ? [] : ["'links' is invalid (must be a list of objects with href and text)"];
}
