import {
  MeshError,
  nullAuditSink,
  type Clock,
  type KeyChangeTrigger,
  type KeyPolicy,
  type KeyRotationMetadata,
  type OwnAuditEvent,
  type OwnAuditSink,
} from '@lemur-bookstores/mesh-interface';
import type { StaticKeyState } from './static-keys.js';

/** How long a durable sink may take where nothing is rotated without its record, in ms. */
const HOLD_MS = 10_000;

/** A change of the static key, as the trail has it. */
export interface StaticKeyChange {
  readonly keyId: string;
  readonly before: StaticKeyState;
  readonly trigger: KeyChangeTrigger;
  readonly sessionsRekeyed: number;
}

/** Of every static key. */
export const STATIC_KEY = { keyType: 'static', algorithm: 'X25519' } as const;

/** Writes to the audit trail what becomes of a static key. */
export class KeyRotationTrail {
  readonly #audit: OwnAuditSink;
  readonly #clock: Clock;
  readonly #policy: KeyPolicy;

  constructor(audit: OwnAuditSink = nullAuditSink, clock: Clock, policy: KeyPolicy) {
    this.#audit = audit;
    this.#clock = clock;
    this.#policy = policy;
  }

  /**
   * Resolves where it may take effect.
   * @throws MeshError `audit_unavailable` where `key_rotation` events are `fail-closed` and no durable sink takes this one within 10 s
   */
  async rotated({ keyId, before, trigger, sessionsRekeyed }: StaticKeyChange): Promise<void> {
    if (!this.#audit.enabled) return;
    // What is told of takes effect right after this, or has: then the old pair goes, with the last handshake that holds it or within 10 s.
    const retired = { activatedAt: new Date(before.activatedAt).toISOString(), ageMs: before.ageMs, records: 0, bytes: 0, destroyed: true };
    const metadata: KeyRotationMetadata = { ...STATIC_KEY, keyId, previousKeyId: before.keyId, trigger, sessionsRekeyed, retired, policy: this.#policy };
    const event: OwnAuditEvent = { eventType: 'key_rotation', details: { action: 'key.rotated', success: true, metadata } };
    if (this.#audit.contractOf('key_rotation') === 'fail-closed') await this.#hold(event);
    else this.#audit.record(event);
  }

  /** @param keyId of the key that stays in use; `undefined` where none was loaded */
  failed(keyId: string | undefined, trigger: KeyChangeTrigger, error: MeshError): void {
    const metadata: KeyRotationMetadata = { ...STATIC_KEY, keyId: keyId ?? 'none', trigger, policy: this.#policy };
    this.#audit.record({ eventType: 'key_rotation', details: { action: 'key.rotation_failed', success: false, error: error.message, metadata } });
  }

  #hold(event: OwnAuditEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (why: string, cause?: unknown): void => {
        timer.cancel();
        reject(new MeshError('audit_unavailable', `no durable sink has the event ${event.details.action}: ${why}`, { cause }));
      };
      const timer = this.#clock.setTimeout(() => refuse(`none took it within ${HOLD_MS} ms`), HOLD_MS);
      this.#audit.log(event).then(
        () => {
          timer.cancel();
          resolve();
        },
        (cause: unknown) => refuse(MeshError.from(cause).text, cause),
      );
    });
  }
}
