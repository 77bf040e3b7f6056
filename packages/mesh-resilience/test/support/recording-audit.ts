import { nullAuditSink, type OwnAuditEvent, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';

/** Keeps what it is told. */
export class RecordingAudit implements OwnAuditSink {
  readonly enabled = true;
  readonly events: OwnAuditEvent[] = [];
  readonly contractOf = nullAuditSink.contractOf;

  record(event: OwnAuditEvent): undefined {
    this.events.push(event);
  }

  log(event: OwnAuditEvent): Promise<void> {
    this.record(event);
    return Promise.resolve();
  }
}
