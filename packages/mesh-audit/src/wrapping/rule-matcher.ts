import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { swallowRejection } from '../swallow-rejection.js';
import type { AlertCondition, AlertRule } from './alert.js';

/** Characters of a key that count. */
const MAX_KEY_LENGTH = 128;

/** Told what is wrong with a user's function. */
export type OnTrouble = (what: string, error: unknown) => void;

/** Whether an event is one that a rule is about. Never throws. */
export type RuleMatcher = (event: MeshAuditEvent) => boolean;

/** @param onTrouble called where the rule's function throws or does not answer a boolean: the event does not match then */
export function ruleMatcher(rule: AlertRule, onTrouble: OnTrouble): RuleMatcher {
  const { name, when } = rule;
  if (typeof when !== 'function') return conditionMatcher(when);
  return (event) => {
    try {
      const answer: unknown = when(event);
      if (typeof answer === 'boolean') return answer;
      swallowRejection(answer);
      onTrouble(`alert rule '${name}': when() must answer true or false at once`, answer === null ? 'null' : typeof answer);
    } catch (error) {
      onTrouble(`alert rule '${name}': when() threw`, error);
    }
    return false;
  };
}

/** What alerts about an event are told apart by. Never throws. */
export function keyOf(rule: AlertRule, event: MeshAuditEvent, onTrouble: OnTrouble): string {
  if (rule.dedupKey === undefined) return (event.targetServiceId ?? '').slice(0, MAX_KEY_LENGTH);
  try {
    const key: unknown = rule.dedupKey(event);
    if (typeof key === 'string') return key.slice(0, MAX_KEY_LENGTH);
    swallowRejection(key);
    onTrouble(`alert rule '${rule.name}': dedupKey() must answer with a text at once`, key === null ? 'null' : typeof key);
  } catch (error) {
    onTrouble(`alert rule '${rule.name}': dedupKey() threw`, error);
  }
  return '';
}

function conditionMatcher({ eventType, action, success }: AlertCondition): RuleMatcher {
  const types = setOf<string>(eventType);
  const actions = setOf<string>(action);
  return (event) =>
    (types === undefined || types.has(event.eventType)) &&
    (actions === undefined || actions.has(event.details.action)) &&
    (success === undefined || event.details.success === success);
}

const setOf = <T>(given: T | readonly T[] | undefined): ReadonlySet<T> | undefined =>
  given === undefined ? undefined : new Set(Array.isArray(given) ? (given as readonly T[]) : [given as T]);
