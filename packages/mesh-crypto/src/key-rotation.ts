import { MeshError, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { CryptoManager } from './crypto-manager.js';
import { callListener } from './identity/call-listener.js';
import { checkKeyRotation, rotationReasonOf, type KeyRotationOptions, type RotationReason, type RotationResult } from './key-rotation-options.js';
import { KeyRotationTrail } from './key-rotation-trail.js';
import { RotationTimer } from './rotation-timer.js';

type Trigger = RotationResult['trigger'];

/** How long sessions may take for their part, in ms (PROTOCOL 6.6). */
const SESSIONS_MS = 10_000;

/**
 * Replaces the static key of a {@link CryptoManager}, and the keys of all live sessions that were made with it: by time, and when asked. Several may share
 * one manager; their rotations come one after the other.
 *
 * It makes a new pair, has every session rekey in band, tells the trail, and only then gives the pair to new handshakes; every session is
 * replaced by one of a new handshake afterwards, without a lost call (PROTOCOL 3.9). With a compromise the old pair is destroyed first.
 */
export class KeyRotation {
  readonly serviceId: string;
  readonly #manager: CryptoManager;
  readonly #onRotation: KeyRotationOptions['onRotation'];
  readonly #trail: KeyRotationTrail;
  readonly #timer: RotationTimer | undefined;
  /** By whether it is because of a compromise: who asks for the same meanwhile gets the same. */
  readonly #underWay = new Map<boolean, Promise<RotationResult>>();

  /**
   * Starts nothing.
   * @param auditLogger where each rotation, and each that failed, becomes an event of type `key_rotation`
   * @throws MeshError `invalid_option` that names every problem by its path
   */
  constructor(serviceId: string, cryptoManager: CryptoManager, options: KeyRotationOptions, auditLogger?: OwnAuditSink) {
    checkKeyRotation(serviceId, cryptoManager, options, auditLogger);
    const { rotationInterval: intervalMs, autoRotate = true, onRotation, policySource = 'option' } = options;
    const { clock, logger } = cryptoManager;
    this.serviceId = serviceId;
    this.#manager = cryptoManager;
    this.#onRotation = onRotation;
    this.#trail = new KeyRotationTrail(auditLogger, clock, { ...(autoRotate ? { intervalMs } : {}), source: policySource });
    if (!autoRotate) return;
    this.#timer = new RotationTimer({ intervalMs, clock, logger, ageMs: () => this.#present()?.ageMs, rotate: () => this.#ask('interval') });
  }

  /** From now on it rotates by itself, between 85 and 100 % of the interval, unless `autoRotate` is `false`. Safe to call twice. */
  start(): void {
    this.#timer?.start();
  }

  /** It rotates by itself no more. Waits for nothing: a rotation under way goes on. Safe to call twice. */
  stop(): void {
    this.#timer?.stop();
  }

  /**
   * Rotates, also where it does so by itself; loads the crypto manager if need be. Resolves once new handshakes use the new key: 10 s after the call
   * where peers do not take part, and 10 s more where the trail is slow. Asked again before that it gives the same promise; a `compromise` waits for no other rotation.
   * @param options.reason `manual` by default; with `compromise` the old key is destroyed at once, and sessions that have not done a new handshake within 10 s are closed
   * @throws MeshError `invalid_option`; what `load()` rejects with; `audit_unavailable`, where `key_rotation` events are `fail-closed` and no durable sink takes the
   *   event: then everything is as it was, but with a compromise, whose key is gone all the same
   */
  async rotate(options: { readonly reason?: RotationReason } = {}): Promise<RotationResult> {
    return this.#ask(rotationReasonOf(options));
  }

  #ask(trigger: Trigger): Promise<RotationResult> {
    const compromised = trigger === 'compromise';
    const known = this.#underWay.get(compromised);
    if (known !== undefined) return known;
    const rotation = this.#run(trigger).finally(() => this.#underWay.delete(compromised));
    this.#underWay.set(compromised, rotation);
    return rotation;
  }

  async #run(trigger: Trigger): Promise<RotationResult> {
    const { logger } = this.#manager;
    let result: RotationResult;
    try {
      await this.#manager.load();
      result = await (trigger === 'compromise' ? this.#replaceAtOnce() : this.#replace(trigger));
    } catch (cause) {
      const error = MeshError.from(cause);
      this.#trail.failed(this.#present()?.keyId, trigger, error);
      throw error;
    }
    const onRotation = this.#onRotation;
    if (onRotation !== undefined) callListener(() => onRotation(result), (error) => logger.error('onRotation failed', { reason: MeshError.from(error).message }));
    return result;
  }

  #replace(trigger: Trigger): Promise<RotationResult> {
    const { rotations, owners, logger } = this.#manager;
    return rotations.inTurn(async () => {
      const startedAt = this.#manager.clock.monotonic();
      const present = rotations.present.keyId;
      /** A compromise came in between: its key is newer than ours. */
      const overtaken = (): boolean => rotations.present.keyId !== present;
      const next = rotations.make();
      try {
        const sessions = await owners.ask('rekeySessions', trigger, SESSIONS_MS);
        const change = { keyId: next.keyId, before: rotations.predecessor, trigger, sessionsRekeyed: sessions.rotated };
        if (!overtaken()) {
          await this.#trail.rotated(change);
          rotations.announce(next);
        }
        if (!overtaken()) {
          rotations.take(next, false);
          void owners.ask('renewSessions', trigger, SESSIONS_MS).then((renewed) => logger.debug('sessions were replaced after a rotation', { ...renewed }));
        }
        return this.#result(rotations.present.keyId, present, trigger, startedAt, sessions);
      } finally {
        next.discard();
      }
    });
  }

  async #replaceAtOnce(): Promise<RotationResult> {
    const { rotations, owners, clock } = this.#manager;
    const startedAt = clock.monotonic();
    const present = rotations.present.keyId;
    const next = rotations.make();
    rotations.take(next, true);
    const renewing = owners.ask('renewSessions', 'compromise', SESSIONS_MS);
    return rotations.inTurn(async () => {
      const sessions = await renewing;
      const change = { keyId: next.keyId, before: rotations.predecessor, trigger: 'compromise', sessionsRekeyed: sessions.rotated } as const;
      // Told of already where the service ended meanwhile.
      if (change.before.keyId !== next.keyId) {
        rotations.announce(next);
        await this.#trail.rotated(change);
      }
      return this.#result(this.#present()?.keyId ?? next.keyId, present, 'compromise', startedAt, sessions);
    });
  }

  #result(keyId: string, previousKeyId: string, trigger: Trigger, startedAt: number, sessions: { readonly rotated: number; readonly ended: number; readonly left: number }): RotationResult {
    const { clock } = this.#manager;
    return Object.freeze({
      keyId,
      previousKeyId,
      trigger,
      rotatedAt: new Date(clock.now()).toISOString(),
      durationMs: clock.monotonic() - startedAt,
      sessionsRekeyed: sessions.rotated,
      sessionsEnded: sessions.ended,
      sessionsLeft: sessions.left,
    });
  }

  #present(): { readonly keyId: string; readonly ageMs: number } | undefined {
    try {
      return this.#manager.rotations.present;
    } catch {
      return undefined;
    }
  }
}
