import { MeshError, type AuditEventType, type Clock, type OwnAuditEvent, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';

/** Whether what events of a type tell of waits until a durable sink has them. The same for a sink's life: asked once, not per call. */
export const isFailClosed = (audit: OwnAuditSink, eventType: AuditEventType): boolean => audit.enabled && audit.contractOf(eventType) === 'fail-closed';

/**
 * What becomes of an operation whose event is not held: it does not take effect.
 * @param mayHaveRun of a call: whether its handler may have run
 */
export function unheld(action: string, cause: unknown, mayHaveRun?: boolean): MeshError {
  return new MeshError('audit_unavailable', `no durable sink has the event ${action}: ${MeshError.from(cause).text}`, { cause, ...(mayHaveRun === undefined ? {} : { mayHaveRun }) });
}

/**
 * Logs an event and waits until a durable sink has it, for `withinMs` at most.
 * @throws MeshError `audit_unavailable`
 */
export function hold(audit: OwnAuditSink, event: OwnAuditEvent, clock: Clock, withinMs: number): Promise<void> {
  const { action } = event.details;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(notInTime(action, withinMs)), withinMs);
    audit.log(event).then(
      () => {
        timer.cancel();
        resolve();
      },
      (error: unknown) => {
        timer.cancel();
        reject(unheld(action, error));
      },
    );
  });
}

/** The same where the time is somebody else's to watch. */
export const notInTime = (action: string, withinMs: number): MeshError => new MeshError('audit_unavailable', `no durable sink has taken the event ${action} within ${Math.round(withinMs)} ms`, { mayHaveRun: false });
