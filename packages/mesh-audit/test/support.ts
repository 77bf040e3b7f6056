import type { AuditEventInput, LogFields, Logger, ManagedAdapter, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

export const security = (action = 'auth.failed'): AuditEventInput => ({ eventType: 'connection', details: { action, success: false } });
export const message = (action = 'message.sent'): AuditEventInput => ({ eventType: 'message', details: { action, success: true } });

/** Lets everything that is ready run: reactions, immediates and what they start. */
export async function turns(count = 8): Promise<void> {
  for (let index = 0; index < count; index++) await new Promise((resolve) => setImmediate(resolve));
}

/** Keeps what it is given; `answer` decides how each delivery ends. */
export class RecordingAdapter implements ManagedAdapter {
  readonly name: string;
  readonly events: MeshAuditEvent[] = [];
  answer: (event: MeshAuditEvent) => Promise<void> | void;

  constructor(name = 'recording', answer: (event: MeshAuditEvent) => Promise<void> | void = () => undefined) {
    this.name = name;
    this.answer = answer;
  }

  async logEvent(event: MeshAuditEvent): Promise<void> {
    await this.answer(event);
    this.events.push(event);
  }

  get sequences(): number[] {
    return this.events.map((event) => event.sequence);
  }
}

export class RecordingLogger implements Logger {
  readonly lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  debug(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'debug', message, fields });
  }
  info(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'info', message, fields });
  }
  warn(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'warn', message, fields });
  }
  error(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'error', message, fields });
  }
}

export const never = (): Promise<void> => new Promise(() => undefined);
