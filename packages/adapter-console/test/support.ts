import { Writable } from 'node:stream';
import type { AuditEventDetails, AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

export function eventOf(eventType: AuditEventType, details: Partial<AuditEventDetails> = {}, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
  return {
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    sequence: 7,
    timestamp: new Date('2026-01-01T00:00:00.000Z'),
    eventType,
    serviceId: 'order-service',
    details: { action: 'auth.failed', success: false, ...details },
    ...more,
  };
}

/** Keeps what is written. While `hold` is set, it takes a chunk and does not say that it is done. */
export class Capture extends Writable {
  text = '';
  hold = false;
  #release: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    if (this.hold) this.#release = done;
    else done();
  }

  release(): void {
    this.hold = false;
    this.#release?.();
    this.#release = undefined;
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Texts that try to forge lines, move the cursor, hide or reorder text, or just be too much. */
export const INJECTIONS: readonly string[] = [
  '\u001b[2J\u001b[H', '\u001b[31mred', '\u009b31m', '\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\', '\u001b]52;c;ZXZpbA==\u0007', '\u001bP+q\u001b\\',
  'a\r\nINFO forged line', 'a\nb', 'a\rb', 'a\u0085b', 'a\u2028b', 'a\u2029b', 'a\vb\fc', 'nul\0byte', 'bell\u0007', 'back\b\b\b', 'tab\there', 'del\u007f',
  '\u202egnp.exe', '\u2066isolate\u2069', '\u202a\u202b\u202c\u202d', 'left\u200eright\u200f', 'zero\u200bwidth\u200cjoin\u200d', '\ufeffbom', '\u00adsoft', '\u061cmark',
  '\u2060\u2061\u2064', '\ufff9\ufffa\ufffb', '\u{e0001}\u{e0041}tag', '\u180e', '\ud800lone', 'lone\udfff',
  '"}\n{"level":"info","forged":true}', '\\u001b[31m', '\\n', 'quote " and \\ backslash', 'x'.repeat(1_048_576), '\u001b'.repeat(100_000),
];

/** Anything that a terminal would act on. */
export const RAW_CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
