import { createHash } from 'node:crypto';
import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { ChangeNote } from './change-note.js';
import type { Incident } from './incident.js';
import type { Fact } from './rules.js';

/** A request of the Events API v2, without the key. */
export type PagerRequest = Readonly<Record<string, unknown>>;

/** What is the same in all of them. */
export interface PayloadContext {
  readonly environment: string;
  readonly instance: string | undefined;
  /** The machine. */
  readonly source: string;
}

const CLIENT = 'secure-stack-mesh';
const MAX_KEY = 255;
const HASH_LENGTH = 32;
const MAX_SUMMARY = 1_024;
const MAX_NAME = 256;
const MAX_REASON = 1_024;
const MAX_PARTS_SHOWN = 20;

/** `mesh/environment/service/rule[/target][/instance]`: what makes an incident the same, never an event's own. Longer than PagerDuty takes: cut, with a hash of all of it. */
export function dedupKeyOf(parts: readonly (string | undefined)[]): string {
  const key = ['mesh', ...parts.filter((part) => part !== undefined)].map((part) => escapeControls(part).replace(/[%/]/g, encodeURIComponent)).join('/');
  if (key.length <= MAX_KEY) return key;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_LENGTH);
  return `${cut(key, MAX_KEY - HASH_LENGTH - 1)}~${hash}`;
}

/** Opens an incident, or adds to it where it is open. */
export function triggerRequest(incident: Incident, { environment, instance, source }: PayloadContext): PagerRequest {
  const { key, subject, severity, count, first, last, parts, runbook } = incident;
  const shown = [...parts].filter((part) => part !== '').slice(0, MAX_PARTS_SHOWN);
  return {
    event_action: 'trigger',
    dedup_key: key,
    client: CLIENT,
    ...(runbook === undefined ? {} : { links: [{ href: runbook, text: 'Runbook' }] }),
    payload: {
      summary: printable(incident.summary ?? summaryOf(incident), MAX_SUMMARY),
      source: printable(source, MAX_NAME),
      severity,
      timestamp: isoTime(last),
      component: printable(subject.service, MAX_NAME),
      group: printable(environment, MAX_NAME),
      class: printable(subject.rule, MAX_NAME),
      custom_details: {
        rule: subject.rule,
        service: printable(subject.service, MAX_NAME),
        ...(subject.target === undefined ? {} : { target: printable(subject.target, MAX_NAME) }),
        ...(instance === undefined ? {} : { instance: printable(instance, MAX_NAME) }),
        ...(shown.length === 0 || subject.rule !== 'breakerOpen' ? {} : { endpoints: shown.map((part) => printable(part, MAX_NAME)), endpoint_count: parts.size }),
        count,
        ...(last?.action === undefined ? {} : { action: printable(last.action, MAX_NAME) }),
        ...(last?.error === undefined ? {} : { reason: printable(last.error, MAX_REASON) }),
        ...(first === undefined ? {} : { first_event: eventDetails(first) }),
        ...(last === undefined ? {} : { last_event: eventDetails(last), metadata: metadataOf(last) }),
      },
    },
  };
}

/** Ends an incident: PagerDuty takes nothing more with it. */
export const resolveRequest = (key: string): PagerRequest => ({ event_action: 'resolve', dedup_key: key });

/** A change that pages nobody. */
export function changeRequest({ service, keyType, count, last }: ChangeNote, { environment, instance, source }: PayloadContext): PagerRequest {
  const what = keyType === 'static' ? 'Static key' : 'Certificate';
  return {
    payload: {
      summary: printable(`${what} of ${service} rotated${times(count)}`, MAX_SUMMARY),
      source: printable(source, MAX_NAME),
      timestamp: isoTime(last),
      custom_details: {
        service: printable(service, MAX_NAME),
        environment: printable(environment, MAX_NAME),
        ...(instance === undefined ? {} : { instance: printable(instance, MAX_NAME) }),
        count,
        ...(last === undefined ? {} : { last_event: eventDetails(last), metadata: metadataOf(last) }),
      },
    },
  };
}

/** One line for who is woken: what, where, and the last word on why. */
function summaryOf({ subject: { rule, service, target }, count, last }: Incident): string {
  const where = target === undefined ? service : `${service} → ${target}`;
  const why = last?.error === undefined ? '' : `: ${last.error}`;
  switch (rule) {
    case 'errorBurst':
      return `${count} error${count === 1 ? '' : 's'} in ${where}, last ${last?.action ?? 'unknown'}${why}`;
    case 'breakerOpen':
      return `Circuit breaker open in ${where}${why}`;
    case 'rateLimited':
      return `${service} refused ${count} call${count === 1 ? '' : 's'} of ${target ?? 'its peers'}${why}`;
    case 'rotationFailed':
      return `Key rotation failed in ${service} (${target ?? 'key'})${why}`;
    case 'rotationOverdue':
      return `Key rotation overdue in ${service} (${target ?? 'key'})${why}`;
    case 'auditLoss':
      return `Audit events of ${service} lost (adapter ${target ?? 'unknown'})${why}`;
    case 'health':
      return `${service} is ${String(last?.metadata['status'] ?? 'unhealthy')}${why.replace(': unhealthy: ', ': ')}`;
    case 'alert':
      return `${last?.action ?? 'Alert'} in ${where}${why}`;
  }
}

const times = (count: number): string => (count === 1 ? '' : `, ${count} times`);

function eventDetails({ id, sequence, at }: Fact): PagerRequest {
  return { ...(id === undefined ? {} : { id: printable(id, MAX_NAME) }), ...(sequence === undefined ? {} : { sequence }), at: new Date(at).toISOString() };
}

function metadataOf({ metadata }: Fact): PagerRequest {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [printable(name, MAX_NAME), typeof value === 'string' ? printable(value, MAX_NAME) : value]));
}

const isoTime = (fact: Fact | undefined): string => new Date(fact?.at ?? 0).toISOString();

/** Texts come from peers: bounded, and nothing that a pager would act on. */
const printable = (text: string, length: number): string => cut(escapeControls(cut(text, length)), length);

/** At most so long, with no half of a character at its end. */
const cut = (text: string, length: number): string => (text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/, ''));
