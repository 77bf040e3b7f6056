import type { AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** How ECS sorts an event: values that it allows (https://www.elastic.co/guide/en/ecs/8.17/ecs-category-field-values-reference.html). */
export interface EcsCategory {
  readonly kind: 'event' | 'state';
  readonly category: readonly string[];
  readonly type: readonly string[];
  readonly outcome: 'success' | 'failure' | 'unknown';
  readonly level: 'info' | 'warn' | 'error';
}

type Sort = readonly [category: readonly string[], type: readonly string[]];

/** Of actions that are not listed below: those of applications, and of later versions. */
const OF_TYPE: Readonly<Record<AuditEventType, Sort>> = {
  connection: [['network'], ['connection']],
  message: [['api', 'network'], ['access']],
  key_rotation: [['configuration'], ['change']],
  rate_limit: [['api'], ['denied']],
  circuit_breaker: [['api'], ['change']],
  error: [['network'], ['error']],
  system: [['process'], ['info']],
};

const OF_ACTION: ReadonlyMap<string, Sort> = new Map<string, Sort>([
  ['auth.succeeded', [['authentication', 'network'], ['start', 'allowed']]],
  ['auth.failed', [['authentication', 'network'], ['start', 'denied']]],
  ['auth.denied', [['api'], ['access', 'denied']]],
  ['auth.revoked', [['authentication', 'network'], ['end', 'denied']]],
  ['connection.open', [['network', 'session'], ['connection', 'start']]],
  ['connection.close', [['network', 'session'], ['connection', 'end']]],
  ['connection.truncated', [['network', 'session'], ['connection', 'end']]],
  ['connection.refused', [['network'], ['connection', 'denied']]],
  ['message.accepted', [['api', 'network'], ['access', 'start']]],
  ['message.sending', [['api', 'network'], ['access', 'start']]],
  ['message.sent', [['api', 'network'], ['access', 'allowed']]],
  ['message.received', [['api', 'network'], ['access', 'allowed']]],
  ['key.activated', [['configuration'], ['creation']]],
  ['key.retired', [['configuration'], ['deletion']]],
  ['session.failed', [['network', 'session'], ['end', 'error']]],
  ['system.start', [['process'], ['start']]],
  ['system.stop', [['process'], ['end']]],
  ['system.rotation_asked', [['api', 'configuration'], ['admin', 'change']]],
  ['system.admin_refused', [['api'], ['admin', 'denied']]],
  ['identity.changed', [['configuration'], ['change']]],
  ['identity.refused', [['configuration'], ['change']]],
  ['identity.ca_removed', [['configuration'], ['change']]],
]);

const REFUSED_CALL: Sort = [['api', 'network'], ['access', 'denied']];
const LET_THROUGH: Sort = [['api'], ['access', 'allowed']];
/** Codes of a call that somebody did not let happen. */
const REFUSALS = new Set(['PERMISSION_DENIED', 'UNAUTHENTICATED', 'RESOURCE_EXHAUSTED']);
/** Nobody knows yet how these end: another event follows. */
const BEGINNINGS = new Set(['message.accepted', 'message.sending']);
/** What somebody has to look at. */
const GRAVE = new Set(['key.rotation_failed', 'key.overdue', 'audit.gap', 'identity.refused']);

/** Pure. */
export function categoryOf({ eventType, details: { action, success, metadata } }: MeshAuditEvent): EcsCategory {
  const [category, type] = sortOf(eventType, action, metadata);
  return {
    kind: eventType === 'circuit_breaker' || action.startsWith('health.') ? 'state' : 'event',
    category,
    type,
    outcome: BEGINNINGS.has(action) ? 'unknown' : success ? 'success' : 'failure',
    level: success ? 'info' : eventType === 'error' || GRAVE.has(action) ? 'error' : 'warn',
  };
}

function sortOf(eventType: AuditEventType, action: string, metadata: Readonly<Record<string, unknown>> | undefined): Sort {
  if (action === 'auth.denied' && metadata?.['mode'] === 'audit') return LET_THROUGH;
  if (action === 'message.failed' && REFUSALS.has(String(metadata?.['code']))) return REFUSED_CALL;
  return OF_ACTION.get(action) ?? OF_TYPE[eventType];
}
