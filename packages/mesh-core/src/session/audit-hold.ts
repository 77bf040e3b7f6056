import { MeshError, type AuditAction, type AuditEventType, type Clock, type OwnAuditEvent, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';

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

/** A compromise of the own static key came before the session could begin (PROTOCOL 6.6). */
export const beganTooLate = (): MeshError => new MeshError('session_closed', 'the own static key was destroyed before the session began, dial again', { mayHaveRun: false });

/** `fail-closed` events that one operation waits for together. */
export class HeldEvents {
  /** Their names, for messages. */
  readonly actions: string;
  /** Rejects with `audit_unavailable` and `mayHaveRun: false` where a durable sink will not have one of them. */
  readonly done: Promise<unknown>;

  private constructor(held: readonly (readonly [string, Promise<void>])[]) {
    this.actions = held.map(([action]) => action).join(', ');
    this.done = Promise.all(held.map(([action, done]) => done.catch((error: unknown) => Promise.reject(unheld(action, error, false)))));
  }

  /** @returns `undefined` where nothing is to be waited for */
  static of(events: { readonly [Action in AuditAction]?: Promise<void> | undefined }): HeldEvents | undefined {
    const held = Object.entries(events).flatMap(([action, done]) => (done === undefined ? [] : [[action, done] as const]));
    return held.length === 0 ? undefined : new HeldEvents(held);
  }
}
