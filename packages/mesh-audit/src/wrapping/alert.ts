import { escapeControls, type AuditEventType, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** Least severe first; PagerDuty's names. */
export const ALERT_SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;

/** One of {@link ALERT_SEVERITIES}. */
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** Which events a rule is about: all that is given must hold; of a list, one. */
export interface AlertCondition {
  readonly eventType?: AuditEventType | readonly AuditEventType[] | undefined;
  readonly action?: string | readonly string[] | undefined;
  readonly success?: boolean | undefined;
}

/** When somebody is to be told. */
export interface AlertRule {
  /** Unique; begins with no `_`. */
  readonly name: string;
  /**
   * The events it is about. A function answers at once, the same each time it is asked of an event; one that throws or answers no boolean does
   * not match, with a warning.
   */
  readonly when: AlertCondition | ((event: MeshAuditEvent) => boolean);
  /** How many of them within how long it takes, for each key of its own: 1 to 1,000, within 1 ms to 2^31-1. Default: one. */
  readonly threshold?: { readonly count: number; readonly windowMs: number } | undefined;
  /** Default `warning`. */
  readonly severity?: AlertSeverity | undefined;
  /** What alerts of the rule are told apart by; never something that each event has its own of. Default: `targetServiceId`, else nothing. */
  readonly dedupKey?: ((event: MeshAuditEvent) => string) | undefined;
}

/** What somebody is told. */
export interface Alert {
  /** UUIDv7. The same when the same alert is tried again. */
  readonly id: string;
  /** Its rule's name; `_SEVERAL` where it sums up alerts with different keys. */
  readonly rule: string;
  /** The highest of the rules it is about. */
  readonly severity: AlertSeverity;
  /** `service/rule/key`, at most 255 characters: the same for all alerts about the same, as PagerDuty and others want it. */
  readonly dedupKey: string;
  /** One line for a person. */
  readonly summary: string;
  readonly serviceId: string;
  /** How often rules were met since the last alert about the same. */
  readonly count: number;
  /** Of `count`: held back until now, because an alert about the same or too many others were out already. */
  readonly heldBack: number;
  /** `count` by rule. */
  readonly rules: Readonly<Record<string, number>>;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** The last event of it. Of those held back only this one is kept, without its metadata. */
  readonly event: MeshAuditEvent;
}

/** {@link Alert.rule} where there are several. */
export const SEVERAL = '_SEVERAL';
/** The key of events whose own key found no room any more. */
export const OTHER = '_OTHER';

const MAX_DEDUP_KEY_LENGTH = 255;
const MAX_SUMMARY_LENGTH = 512;
const MAX_ERROR_LENGTH = 512;

/** An alert before it is sent; times in ms since 1970. */
export interface AlertDraft {
  readonly rule: string;
  readonly key: string;
  readonly severity: AlertSeverity;
  readonly count: number;
  readonly heldBack: number;
  readonly rules: ReadonlyMap<string, number>;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly event: MeshAuditEvent;
}

/** Two drafts as one, about the later one's event. */
export function mergeDrafts(a: AlertDraft, b: AlertDraft): AlertDraft {
  const rules = new Map(a.rules);
  for (const [rule, count] of b.rules) rules.set(rule, (rules.get(rule) ?? 0) + count);
  const same = a.rule === b.rule && a.key === b.key;
  return {
    rule: same ? a.rule : SEVERAL,
    key: same ? a.key : '',
    severity: ALERT_SEVERITIES.indexOf(a.severity) >= ALERT_SEVERITIES.indexOf(b.severity) ? a.severity : b.severity,
    count: a.count + b.count,
    heldBack: a.heldBack + b.heldBack,
    rules,
    firstAt: Math.min(a.firstAt, b.firstAt),
    lastAt: Math.max(a.lastAt, b.lastAt),
    event: b.event,
  };
}

/** An event that is kept for long, without what may be large in it. */
export function lightEvent(event: MeshAuditEvent): MeshAuditEvent {
  const { action, success, duration, error } = event.details;
  return Object.freeze({
    ...event,
    details: Object.freeze({ action, success, ...(duration === undefined ? {} : { duration }), ...(error === undefined ? {} : { error: error.slice(0, MAX_ERROR_LENGTH) }) }),
  });
}

export function alertOf(draft: AlertDraft, id: string): Alert {
  const { rule, key, severity, count, heldBack, rules, firstAt, lastAt, event } = draft;
  return Object.freeze({
    id,
    rule,
    severity,
    dedupKey: escapeControls([event.serviceId, rule, ...(key === '' ? [] : [key])].join('/')).slice(0, MAX_DEDUP_KEY_LENGTH),
    summary: summaryOf(draft),
    serviceId: event.serviceId,
    count,
    heldBack,
    rules: Object.freeze(Object.fromEntries(rules)),
    firstAt: new Date(firstAt),
    lastAt: new Date(lastAt),
    event,
  });
}

/** Texts in it come from peers: nothing that a terminal or a pager would act on. */
function summaryOf({ rule, rules, count, firstAt, event }: AlertDraft): string {
  const { serviceId, targetServiceId, details } = event;
  const what = rule === SEVERAL ? [...rules].map(([name, times]) => `${name} ${times}x`).join(', ') : rule;
  const times = count === 1 ? '' : `, ${count} times since ${new Date(firstAt).toISOString()}`;
  const where = targetServiceId === undefined ? serviceId : `${serviceId} → ${targetServiceId}`;
  const last = `${details.action}${details.error === undefined ? '' : `: ${details.error}`}`;
  const text = escapeControls(`${what} in ${where}${times}: ${last}`.slice(0, MAX_SUMMARY_LENGTH));
  return text.slice(0, MAX_SUMMARY_LENGTH);
}

/** An alert as the event that set it off, for adapters that notify of events. */
export function alertEvent(alert: Alert): MeshAuditEvent {
  const { id, rule, severity, dedupKey, summary, count, heldBack, event } = alert;
  const metadata = Object.freeze({ ...event.details.metadata, alert: Object.freeze({ rule, severity, dedupKey, summary, count, heldBack, eventId: event.id }) });
  return Object.freeze({ ...event, id, details: Object.freeze({ ...event.details, metadata }) });
}
