import type { AuditEventType, AuditLaneStats, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AlertingRule, PagerSeverity, RuleTable } from './alerting-options.js';

/** What is kept of the event behind an incident: small, whatever the event is. */
export interface Fact {
  readonly id?: string;
  readonly sequence?: number;
  /** ms since 1970. */
  readonly at: number;
  /** Absent where no event says it. */
  readonly action?: string;
  readonly error?: string;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

/** What an event means for an incident. */
export interface Signal {
  readonly level: 'raise' | 'calm';
  /** `alert`: one of `notify()`. */
  readonly rule: AlertingRule | 'alert';
  readonly service: string;
  /** What of the service it is about; with the rule it makes the incident. */
  readonly target?: string;
  /** Of several things that keep an incident open, which. */
  readonly part: string;
  readonly severity: PagerSeverity;
  /** Of a calm: whether it ends what a process before may have left open, too. */
  readonly adopts: boolean;
  /** How many happenings it stands for. */
  readonly weight: number;
  readonly fact: Fact;
}

type Rule = (event: MeshAuditEvent) => { readonly level: Signal['level']; readonly rule: AlertingRule; readonly severity: PagerSeverity; readonly target?: string | undefined; readonly part?: string | undefined } | undefined;

const OWN_LANE = /^pagerduty(#\d+)?$/;
/** After it ISO 8601 has more than four digits for the year, and then none at all. */
const LAST_TIME = Date.UTC(9999, 11, 31);
const MAX_TEXT = 1_000;
const MAX_VALUE = 256;
const MAX_VALUES = 16;
const MAX_NAME = 64;

/**
 * By action, with the type of event it stands under: an action of that name in another type of event is somebody else's. Severities as in docs/operations.md: `error` and `critical`
 * wake somebody, `warning` is for the next morning.
 */
const BY_ACTION: Readonly<Record<string, readonly [AuditEventType, AlertingRule, Rule]>> = {
  'breaker.opened': ['circuit_breaker', 'breakerOpen', (event) => ({ level: 'raise', rule: 'breakerOpen', severity: 'warning', target: event.targetServiceId, part: text(event, 'endpoint') })],
  'breaker.closed': ['circuit_breaker', 'breakerOpen', (event) => ({ level: 'calm', rule: 'breakerOpen', severity: 'warning', target: event.targetServiceId, part: text(event, 'endpoint') })],
  'rate.limited': ['rate_limit', 'rateLimited', (event) => ({ level: 'raise', rule: 'rateLimited', severity: 'warning', target: event.targetServiceId })],
  // A session whose keys cannot be changed is replaced by another, and its key retired; the static key stays as it is.
  'key.rotation_failed': ['key_rotation', 'rotationFailed', (event) => ({ level: 'raise', rule: 'rotationFailed', severity: 'warning', target: keyOf(event), part: sessionKey(event, 'keyId') })],
  'key.retired': ['key_rotation', 'rotationFailed', (event) => (isOfSession(event) ? { level: 'calm', rule: 'rotationFailed', severity: 'warning', target: keyOf(event), part: sessionKey(event, 'keyId') } : undefined)],
  // Below 20 % of its life, after which nobody lets us in.
  'key.overdue': ['key_rotation', 'rotationOverdue', (event) => ({ level: 'raise', rule: 'rotationOverdue', severity: text(event, 'keyType') === 'certificate' ? 'critical' : 'warning', target: keyOf(event) })],
  'audit.gap': ['system', 'auditLoss', () => ({ level: 'raise', rule: 'auditLoss', severity: 'critical', target: 'pagerduty' })],
  'health.impaired': ['system', 'health', (event) => (isOverall(event) ? { level: 'raise', rule: 'health', severity: text(event, 'status') === 'unhealthy' ? 'critical' : 'warning' } : undefined)],
  'health.recovered': ['system', 'health', (event) => (isOverall(event) ? { level: 'calm', rule: 'health', severity: 'critical' } : undefined)],
};

/** Whether any rule is about the event; the same each time. */
export function concernsRule(event: MeshAuditEvent, rules: RuleTable): boolean {
  const { eventType, details } = event;
  if (eventType === 'error') return rules.errorBurst !== undefined;
  if (details.action === 'key.rotated') return eventType === 'key_rotation' && (rules.rotationFailed !== undefined || rules.rotationOverdue !== undefined);
  const entry = Object.hasOwn(BY_ACTION, details.action) ? BY_ACTION[details.action] : undefined;
  return entry !== undefined && entry[0] === eventType && rules[entry[1]] !== undefined && entry[2](event) !== undefined;
}

/** What the event means for the rules that are on. */
export function signalsOf(event: MeshAuditEvent, rules: RuleTable): readonly Signal[] {
  const { eventType, details } = event;
  if (!concernsRule(event, rules)) return [];
  const signal = (made: NonNullable<ReturnType<Rule>>): Signal => {
    const { level, rule, target, part, severity } = made;
    // Session keys end with their process.
    const adopts = !isOfSession(event);
    return { level, rule, service: event.serviceId, ...(target === undefined ? {} : { target }), part: part ?? '', adopts, severity: rules[rule]?.severity ?? severity, weight: weightOf(event), fact: factOf(event) };
  };
  if (eventType === 'error') return [signal({ level: 'raise', rule: 'errorBurst', severity: 'error', target: event.targetServiceId })];
  if (details.action === 'key.rotated') {
    const both = ['rotationFailed', 'rotationOverdue'] as const;
    // Only those of the own keys can be overdue.
    const concerned = both.filter((rule) => rules[rule] !== undefined && (rule === 'rotationFailed' || !isOfSession(event)));
    return concerned.map((rule) => signal({ level: 'calm', rule, severity: 'warning', target: keyOf(event), part: sessionKey(event, 'previousKeyId') }));
  }
  const made = BY_ACTION[details.action]?.[2](event);
  return made === undefined ? [] : [signal(made)];
}

/** The type of the own key whose change is worth a change event. Those of sessions would be thousands. */
export function rotatedKey({ eventType, details }: MeshAuditEvent): 'static' | 'certificate' | undefined {
  const keyType = details.metadata?.['keyType'];
  const isOwn = eventType === 'key_rotation' && details.action === 'key.rotated' && details.success && (keyType === 'static' || keyType === 'certificate');
  return isOwn ? keyType : undefined;
}

/** Whether a process begins with it: what comes before is of one that has ended, and was in the spill. */
export const beginsProcess = ({ eventType, details }: MeshAuditEvent): boolean => eventType === 'system' && details.action === 'audit.start';

/** Whether it is a lane of this adapter, or of another one of its kind, as the mesh names them. */
export const isOwnLane = (adapter: string): boolean => OWN_LANE.test(adapter);

/** Events that other adapters lost since `before` (by adapter), which is brought up to date. */
export function lossSignals(lanes: readonly AuditLaneStats[], before: Map<string, number>, service: string, rules: RuleTable, now: number): readonly Signal[] {
  if (rules.auditLoss === undefined) return [];
  const signals: Signal[] = [];
  for (const { adapter, dropped, deadLettered, lostGaps } of lanes) {
    if (isOwnLane(adapter)) continue;
    const lost = dropped + deadLettered;
    const sum = lost + lostGaps;
    const more = sum - (before.get(adapter) ?? 0);
    before.set(adapter, sum);
    if (more <= 0) continue;
    const error = `${more} event(s) are lost to the audit adapter ${adapter}`;
    const fact: Fact = { at: now, error, metadata: { adapter, dropped, deadLettered, lostGaps } };
    signals.push({ level: 'raise', rule: 'auditLoss', service, target: adapter, part: '', adopts: false, severity: rules.auditLoss.severity ?? 'critical', weight: more, fact });
  }
  return signals;
}

/** What is kept of an event. */
export function factOf({ id, sequence, timestamp, details }: MeshAuditEvent): Fact {
  const at = timestamp.getTime();
  const { action, error, metadata } = details;
  const kept: Record<string, string | number | boolean> = {};
  let room = MAX_VALUES;
  for (const name in metadata) {
    const value = metadata[name];
    if (name.length > MAX_NAME || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')) continue;
    if (room-- === 0) break;
    kept[name] = typeof value === 'string' ? value.slice(0, MAX_VALUE) : value;
  }
  return { id, sequence, at: at >= 0 && at <= LAST_TIME ? at : 0, action: action.slice(0, MAX_VALUE), ...(error === undefined ? {} : { error: error.slice(0, MAX_TEXT) }), metadata: kept };
}

function weightOf({ details: { messageCount } }: MeshAuditEvent): number {
  return messageCount !== undefined && Number.isSafeInteger(messageCount) && messageCount > 1 ? messageCount : 1;
}

const text = ({ details: { metadata } }: MeshAuditEvent, name: string): string | undefined => (typeof metadata?.[name] === 'string' ? metadata[name].slice(0, MAX_VALUE) : undefined);

const isOverall = (event: MeshAuditEvent): boolean => text(event, 'check') === '*';

const isOfSession = (event: MeshAuditEvent): boolean => text(event, 'keyType') === 'session';

/** A peer has several sessions, each with trouble of its own. */
const sessionKey = (event: MeshAuditEvent, name: string): string | undefined => (isOfSession(event) ? text(event, name) : undefined);

/** Of session keys the peer is part of it. */
function keyOf(event: MeshAuditEvent): string {
  const keyType = text(event, 'keyType') ?? 'key';
  return event.targetServiceId === undefined ? keyType : `${keyType}:${event.targetServiceId}`;
}
