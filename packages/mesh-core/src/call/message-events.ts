import type { MeshError, OwnAuditEvent, TraceContext } from '@lemur-bookstores/mesh-interface';

/** Whose call it is: the same for each of its events. `metadata` is frozen and shared by all calls of a method: an audit logger then redacts it once. */
export interface MessageSubject {
  readonly targetServiceId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly trace: TraceContext | undefined;
}

/** What is said before a call goes on, where `message` events are `fail-closed`. */
export function announcementOf(action: 'message.accepted' | 'message.sending', { targetServiceId, metadata, trace }: MessageSubject): OwnAuditEvent {
  return { eventType: 'message', targetServiceId, details: { action, success: true, metadata }, ...(trace === undefined ? {} : { trace }) };
}

/** What is said of a call that has ended. @param duration in ms */
export function outcomeOf(succeeded: 'message.received' | 'message.sent', { targetServiceId, metadata, trace }: MessageSubject, duration: number, error: MeshError | undefined): OwnAuditEvent {
  return {
    eventType: 'message',
    targetServiceId,
    details:
      error === undefined
        ? { action: succeeded, success: true, duration, metadata }
        : { action: 'message.failed', success: false, duration, error: error.message, metadata: { ...metadata, code: error.code, reason: error.reason } },
    ...(trace === undefined ? {} : { trace }),
  };
}
