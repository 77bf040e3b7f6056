import {
  MeshError,
  nullAuditSink,
  type ClockTimer,
  type KeyAction,
  type KeyPolicy,
  type KeyRotationMetadata,
  type KeyType,
  type OwnAuditSink,
  type RetiredKey,
} from '@lemur-bookstores/mesh-interface';
import { EXPIRING_SHARE } from './certificate-expiry.js';
import type { CryptoManager } from './crypto-manager.js';
import { STATIC_KEY } from './key-rotation-trail.js';
import { ownCertificateKey, type OwnCertificateKey } from './own-certificate-key.js';
import type { StaticKeyState } from './static-keys.js';

/** The wall clock may jump either way, and no timer tells: it is looked at this often, in ms. */
const LOOK_EVERY_MS = 60_000;

/** A static key older than this many intervals should have been rotated. */
const OVERDUE_INTERVALS = 1.5;

export interface OwnKeyJournalParts {
  /** Loaded. */
  readonly crypto: CryptoManager;
  /** Default: none. */
  readonly audit?: OwnAuditSink;
  /** How often the static key is to be rotated, in ms; `undefined` where it is not by itself. */
  readonly staticKeyIntervalMs?: number | undefined;
  /** Who says so. Default `default`. */
  readonly policySource?: 'default' | 'option';
}

/** For a health check: the static key against its cryptoperiod. */
export interface OwnStaticKeyState {
  readonly keyId: string;
  /** By the monotonic clock, in ms. */
  readonly ageMs: number;
  /** After which it is rotated; absent where it is not by itself. */
  readonly intervalMs?: number;
  /** It should have been rotated and was not. */
  readonly overdue: boolean;
}

/**
 * Keeps the audit trail of a service's own keys, static key and certificate: that they are in use, that a certificate took the place of another, that they
 * ended, and once for each that it should have been changed and was not. That a static key was rotated {@link KeyRotation} says.
 */
export class OwnKeyJournal {
  readonly #parts: OwnKeyJournalParts;
  readonly #audit: OwnAuditSink;
  readonly #staticPolicy: KeyPolicy;
  /** The key of each type that was told of last. */
  readonly #overdue = new Map<KeyType, string>();
  #running: { readonly endWatch: () => void; certificate: OwnCertificateKey; activatedAt: number; activatedMonotonic: number } | undefined;
  #timer: ClockTimer | undefined;
  /** As it was seen last: whoever has the manager may close it before us. */
  #staticKey: StaticKeyState = { keyId: 'none', activatedAt: 0, ageMs: 0 };

  constructor(parts: OwnKeyJournalParts) {
    const { audit = nullAuditSink, staticKeyIntervalMs: intervalMs, policySource: source = 'default' } = parts;
    this.#parts = parts;
    this.#audit = audit;
    this.#staticPolicy = { ...(intervalMs === undefined ? {} : { intervalMs }), source };
  }

  /** Writes that both keys are in use, and follows them. Does nothing where it runs. @throws MeshError `not_initialized`, `mesh_closed` */
  start(): void {
    if (this.#running !== undefined) return;
    const { crypto } = this.#parts;
    const certificate = ownCertificateKey(crypto.identity);
    const { keyId } = (this.#staticKey = crypto.rotations.present);
    const endWatch = crypto.onIdentityChange(({ type }) => {
      if (type === 'changed') this.#certificateChanged();
    });
    this.#running = { endWatch, certificate, ...this.#now() };
    this.#record('key.activated', { ...STATIC_KEY, keyId, trigger: 'start', policy: this.#staticPolicy });
    this.#record('key.activated', { ...certificateFacts(certificate), trigger: 'start' });
    this.#look();
  }

  /** Writes that both keys ended: to be called right before the crypto manager's `close()`, which destroys them. Safe to call twice. */
  stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#timer?.cancel();
    running.endWatch();
    const { activatedAt, ageMs, keyId } = this.#lastStaticKey();
    this.#record('key.retired', { ...STATIC_KEY, keyId, trigger: 'start', retired: retired(activatedAt, ageMs, true), policy: this.#staticPolicy });
    this.#record('key.retired', { ...certificateFacts(running.certificate), trigger: 'start', retired: this.#retiredCertificate(running) });
  }

  /** The static key of this moment; `undefined` where the journal does not run. */
  staticKeyState(): OwnStaticKeyState | undefined {
    if (this.#running === undefined) return undefined;
    const { keyId, ageMs } = this.#seen(() => this.#parts.crypto.rotations.present);
    const { staticKeyIntervalMs: intervalMs } = this.#parts;
    return { keyId, ageMs, ...(intervalMs === undefined ? {} : { intervalMs }), overdue: this.#isOverdue(ageMs) };
  }

  #certificateChanged(): void {
    const running = this.#running;
    if (running === undefined) return;
    const before = running.certificate;
    const certificate = ownCertificateKey(this.#parts.crypto.identity);
    // Another trust bundle with the same leaf.
    if (certificate.keyId === before.keyId) return;
    const gone = this.#retiredCertificate(running);
    Object.assign(running, { certificate, ...this.#now() });
    this.#record('key.rotated', { ...certificateFacts(certificate), previousKeyId: before.keyId, trigger: 'certificate', sessionsRekeyed: 0, retired: gone });
    this.#checkCertificate(certificate);
  }

  #look(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#timer = this.#parts.crypto.clock.setTimeout(() => this.#look(), LOOK_EVERY_MS);
    this.#checkCertificate(running.certificate);
    this.#checkStaticKey(this.#seen(() => this.#parts.crypto.rotations.present));
  }

  /** The key in use. Where a compromise brought it, and who rotated still waits for the sessions, it is told of here: they end, and with them the wait. */
  #lastStaticKey(): StaticKeyState {
    const { rotations } = this.#parts.crypto;
    const before = this.#seen(() => rotations.predecessor);
    const present = this.#seen(() => rotations.present);
    if (present.keyId === before.keyId) return before;
    rotations.announce(present);
    const gone = retired(before.activatedAt, before.ageMs, true);
    this.#record('key.rotated', { ...STATIC_KEY, keyId: present.keyId, previousKeyId: before.keyId, trigger: 'compromise', sessionsRekeyed: 0, retired: gone, policy: this.#staticPolicy });
    return present;
  }

  #seen(look: () => StaticKeyState): StaticKeyState {
    try {
      this.#staticKey = look();
    } catch {
      // The manager is closed.
    }
    return this.#staticKey;
  }

  #checkCertificate(certificate: OwnCertificateKey): void {
    const { notBefore, notAfter } = certificate;
    const overdueMs = this.#parts.crypto.clock.now() - (notAfter - EXPIRING_SHARE * (notAfter - notBefore));
    if (overdueMs < 0) return;
    this.#tellOverdue({ ...certificateFacts(certificate), trigger: 'certificate', overdueMs }, `the own certificate ends at ${new Date(notAfter).toISOString()} and was not replaced: renew it`);
  }

  #checkStaticKey({ keyId, ageMs }: StaticKeyState): void {
    const { staticKeyIntervalMs: intervalMs = Infinity } = this.#parts;
    if (!this.#isOverdue(ageMs)) return;
    const error = `the static key is ${Math.round(ageMs)} ms old and was to be rotated every ${intervalMs} ms`;
    this.#tellOverdue({ ...STATIC_KEY, keyId, trigger: 'interval', overdueMs: ageMs - intervalMs, policy: this.#staticPolicy }, error);
  }

  #isOverdue(ageMs: number): boolean {
    return ageMs > OVERDUE_INTERVALS * (this.#parts.staticKeyIntervalMs ?? Infinity);
  }

  /** Once for each key. */
  #tellOverdue(metadata: KeyRotationMetadata, text: string): void {
    const { keyType, keyId } = metadata;
    if (this.#overdue.get(keyType) === keyId) return;
    this.#overdue.set(keyType, keyId);
    const error = new MeshError('key_overdue', text);
    // Of a certificate the manager warns itself.
    if (keyType === 'static') this.#parts.crypto.logger.warn(error.message);
    this.#audit.record({ eventType: 'key_rotation', details: { action: 'key.overdue', success: false, error: error.message, metadata } });
  }

  #record(action: Exclude<KeyAction, 'key.overdue'>, metadata: KeyRotationMetadata): void {
    this.#audit.record({ eventType: 'key_rotation', details: { action, success: true, metadata } });
  }

  /** Its file, or whoever issues it, has the key still. */
  #retiredCertificate({ activatedAt, activatedMonotonic }: { readonly activatedAt: number; readonly activatedMonotonic: number }): RetiredKey {
    return retired(activatedAt, this.#parts.crypto.clock.monotonic() - activatedMonotonic, false);
  }

  #now(): { readonly activatedAt: number; readonly activatedMonotonic: number } {
    const { clock } = this.#parts.crypto;
    return { activatedAt: clock.now(), activatedMonotonic: clock.monotonic() };
  }
}

/** Neither kind of key protects records. */
const retired = (activatedAt: number, ageMs: number, destroyed: boolean): RetiredKey => ({ activatedAt: new Date(activatedAt).toISOString(), ageMs, records: 0, bytes: 0, destroyed });

const certificateFacts = ({ keyId, algorithm, notBefore, notAfter }: OwnCertificateKey) =>
  ({ keyType: 'certificate', algorithm, keyId, createdAt: new Date(notBefore).toISOString(), policy: { rejectAfterMs: notAfter - notBefore, source: 'certificate' } }) as const;
