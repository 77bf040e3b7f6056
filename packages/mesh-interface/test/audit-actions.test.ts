import { describe, expect, test } from '@jest/globals';
import { AUDIT_ACTIONS, type AuditActionOf, type OwnAuditEvent } from '../src/audit-actions.js';
import { AUDIT_EVENT_TYPES, type AuditEventInput } from '../src/audit-event.js';
import type { AuditSink, OwnAuditSink } from '../src/audit-sink.js';

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(_holds: T): void => {};

/** Never runs: the compiler is the test (`tsc -p tsconfig.test.json`), and an error that goes away fails it, too. */
export function compileTime(sink: OwnAuditSink, any: AuditSink, failed: boolean): void {
  holds<Same<AuditActionOf<'error'>, 'session.failed'>>(true);
  holds<Same<AuditActionOf<'rate_limit'>, 'rate.limited'>>(true);

  sink.record({ eventType: 'connection', details: { action: 'connection.open', success: true } });
  sink.record({ eventType: 'message', details: failed ? { action: 'message.failed', success: false, error: 'x' } : { action: 'message.sent', success: true } });
  // @ts-expect-error not in the table
  sink.record({ eventType: 'connection', details: { action: 'connection.opened', success: true } });
  // @ts-expect-error under another type of event
  void sink.log({ eventType: 'error', details: { action: 'connection.failed', success: false } });
  // @ts-expect-error under a type with another action
  sink.record({ eventType: 'rate_limit', details: { action: 'rate_limit.exceeded', success: false } });
  // @ts-expect-error any text is not an action
  sink.record({ eventType: 'system', details: { action: 'system.start' as string, success: true } });

  // Every sink will do for our own parts, and what they say every sink takes.
  holds<AuditSink extends OwnAuditSink ? true : false>(true);
  any.record({} as OwnAuditEvent satisfies AuditEventInput);
  any.record({ eventType: 'rate_limit', details: { action: "a user's own", success: true } });
}

describe('AUDIT_ACTIONS', () => {
  test('every action is a dotted name, under a type of event there is', () => {
    for (const [action, type] of Object.entries(AUDIT_ACTIONS)) {
      expect(action).toMatch(/^[a-z]+\.[a-z_]+$/);
      expect(AUDIT_EVENT_TYPES).toContain(type);
    }
  });
});
