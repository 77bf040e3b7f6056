import { AUDIT_EVENT_TYPES, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { ALERT_SEVERITIES, type Alert, type AlertRule } from './alert.js';
import { hasMethod, OptionProblems } from './option-problems.js';
import type { SurroundingsOptions } from './surroundings.js';

/**
 * Who is told: a function, an object with `notify`, or an adapter, which gets the event that set the alert off, with the alert in its
 * metadata. Resolves when the alert is out; what it throws is tried again, but for a MeshError that is not `retryable`.
 */
export type AlertTarget = ((alert: Alert) => unknown) | { notify(alert: Alert): unknown } | ManagedAdapter;

/** Options of an {@link AlertRulesAdapter}. */
export interface AlertRulesAdapterOptions extends SurroundingsOptions {
  /** At least one, at most 100. */
  readonly rules: readonly AlertRule[];
  readonly notify: AlertTarget;
  /** For how long one alert about a rule and key is enough, in ms: what comes meanwhile is held back and told at the end. Default 300,000; 0 to 2^31-1. */
  readonly dedupMs?: number | undefined;
  /** Alerts within any minute; what is more is summed up in one later. Default 10; 1 to 1,000. */
  readonly maxPerMinute?: number | undefined;
  /** Keys that are told apart, per rule; those beyond share one. Default 1,000; 1 to 10,000. */
  readonly maxKeys?: number | undefined;
  /** How long one notification may take, in ms. Default 5,000; 1 to 2^31-1. */
  readonly notifyTimeoutMs?: number | undefined;
}

/** Complete options. */
export interface AlertSettings {
  readonly rules: readonly AlertRule[];
  readonly notify: AlertTarget;
  readonly dedupMs: number;
  readonly maxPerMinute: number;
  readonly maxKeys: number;
  readonly notifyTimeoutMs: number;
}

const LONGEST_MS = 0x7fffffff;

/** @throws MeshError `invalid_option` that names every problem by its option's path */
export function completeAlertOptions(options: AlertRulesAdapterOptions): AlertSettings {
  const problems = new OptionProblems();
  if (!problems.object('options', options, ['rules', 'notify', 'dedupMs', 'maxPerMinute', 'maxKeys', 'notifyTimeoutMs', 'clock', 'logger'])) problems.throwIfAny();
  const rules: unknown = options.rules;
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > 100) problems.add('rules', 'must be a list of 1 to 100 rules');
  else {
    const names = new Set<string>();
    for (const [index, rule] of (rules as readonly AlertRule[]).entries()) checkRule(`rules[${index}]`, rule, names, problems);
  }
  if (typeof options.notify !== 'function' && !hasMethod(options.notify, 'notify') && !hasMethod(options.notify, 'logEvent')) {
    problems.add('notify', 'must be a function, an object with a method notify(alert), or an adapter');
  }
  const settings: AlertSettings = {
    rules: options.rules,
    notify: options.notify,
    dedupMs: problems.whole('dedupMs', options.dedupMs, { min: 0, max: LONGEST_MS, byDefault: 300_000 }),
    maxPerMinute: problems.whole('maxPerMinute', options.maxPerMinute, { min: 1, max: 1_000, byDefault: 10 }),
    maxKeys: problems.whole('maxKeys', options.maxKeys, { min: 1, max: 10_000, byDefault: 1_000 }),
    notifyTimeoutMs: problems.whole('notifyTimeoutMs', options.notifyTimeoutMs, { min: 1, max: LONGEST_MS, byDefault: 5_000 }),
  };
  problems.throwIfAny();
  // Copied: a rule that is changed afterwards would pass unchecked.
  return Object.freeze({ ...settings, rules: Object.freeze(settings.rules.map((rule) => Object.freeze({ ...rule }))) });
}

function checkRule(path: string, rule: AlertRule, names: Set<string>, problems: OptionProblems): void {
  if (!problems.object(path, rule, ['name', 'when', 'threshold', 'severity', 'dedupKey'])) return;
  const { name, when, threshold, severity, dedupKey } = rule;
  if (typeof name !== 'string' || !/^[^_].{0,63}$/.test(name)) problems.add(`${path}.name`, "must be a text of 1 to 64 characters that does not begin with '_'");
  else if (names.has(name)) problems.add(`${path}.name`, 'is the name of an earlier rule');
  else names.add(name);
  if (typeof when !== 'function' && problems.object(`${path}.when`, when, ['eventType', 'action', 'success'])) {
    const { eventType, action, success } = when;
    if (eventType === undefined && action === undefined && success === undefined) problems.add(`${path}.when`, 'must name an eventType, action or success');
    for (const type of [eventType ?? []].flat()) if (!AUDIT_EVENT_TYPES.includes(type)) problems.add(`${path}.when.eventType`, `must be of ${AUDIT_EVENT_TYPES.join(', ')}`);
    if (![action ?? []].flat().every((one) => typeof one === 'string' && one !== '')) problems.add(`${path}.when.action`, 'must be one or more texts');
    if (success !== undefined && typeof success !== 'boolean') problems.add(`${path}.when.success`, 'must be true or false');
  }
  if (threshold !== undefined && problems.object(`${path}.threshold`, threshold, ['count', 'windowMs'])) {
    problems.whole(`${path}.threshold.count`, threshold.count, { min: 1, max: 1_000, byDefault: NaN });
    problems.whole(`${path}.threshold.windowMs`, threshold.windowMs, { min: 1, max: LONGEST_MS, byDefault: NaN });
  }
  if (severity !== undefined && !ALERT_SEVERITIES.includes(severity)) problems.add(`${path}.severity`, `must be one of ${ALERT_SEVERITIES.join(', ')}`);
  if (dedupKey !== undefined && typeof dedupKey !== 'function') problems.add(`${path}.dedupKey`, 'must be a function');
}
