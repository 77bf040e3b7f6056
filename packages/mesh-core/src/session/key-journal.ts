import type {
  AuditActionOf,
  ChannelRekeying,
  CipherSuite,
  Clock,
  KeyChangeTrigger,
  KeyRotationMetadata,
  KeysRotated,
  KeyUsage,
  MeshError,
  OwnAuditEvent,
  OwnAuditSink,
  RekeyTrigger,
  RetiredKey,
  SecureChannel,
  SpentReason,
} from '@lemur-bookstores/mesh-interface';
import { hold, isFailClosed } from './audit-hold.js';
import type { RetirementCause } from './session-delegate.js';

/** How long new keys may be in use before a durable sink has it, where `key_rotation` events are `fail-closed`, in ms. */
const ROTATION_HOLD_MS = 10_000;

const ALGORITHMS: Readonly<Record<CipherSuite, string>> = { aesgcm: 'AES-256-GCM', chachapoly: 'ChaCha20-Poly1305' };

/** The channel of a session whose keys are replaced; of others nothing is said. */
type RekeyingChannel = SecureChannel & { readonly rekeying: ChannelRekeying };

/** What is known of a session whose first key was said. */
interface Followed {
  /** What brought the present key. */
  trigger: KeyChangeTrigger;
  readonly held: Promise<void> | undefined;
}

/** Writes to the audit trail what becomes of the keys of sessions: the first, each that takes its place, the last. */
export class KeyJournal {
  readonly #audit: OwnAuditSink;
  readonly #clock: Clock;
  readonly #failClosed: boolean;
  readonly #followed = new WeakMap<SecureChannel, Followed>();

  constructor(audit: OwnAuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
    this.#failClosed = isFailClosed(audit, 'key_rotation');
  }

  /**
   * The first key of a session is about to be used. Said once, however often it is called.
   * @param keyId default: that of the keys there are
   * @returns where `key_rotation` events are `fail-closed`: what the session must wait for. It rejects where no durable sink has the event
   */
  activated(channel: SecureChannel, keyId?: string): Promise<void> | undefined {
    if (!this.#speaksOf(channel)) return undefined;
    const known = this.#followed.get(channel);
    if (known !== undefined) return known.held;
    const event = eventOf(channel, 'key.activated', { keyId: keyId ?? channel.rekeying.usage.keyId, trigger: 'start' });
    let held: Promise<void> | undefined;
    if (this.#failClosed) {
      held = this.#audit.log(event);
      // Whoever waits for it hears of it; a session that ends before may have nobody who does.
      held.catch(() => {});
    } else this.#audit.record(event);
    this.#followed.set(channel, { trigger: 'start', held });
    return held;
  }

  /**
   * Both ends have new keys.
   * @param onUnheld called where `key_rotation` events are `fail-closed` and no durable sink has taken this one within 10 s
   */
  rotated(channel: SecureChannel, rotation: KeysRotated, onUnheld: (error: MeshError) => void): void {
    if (!this.#speaksOf(channel)) return;
    const { keyId, trigger, retired } = rotation;
    // At a dialler whose acceptor answers a rekey before it says welcome: that it answers shows that the session stands there.
    void this.activated(channel, retired.keyId);
    const followed = this.#followed.get(channel);
    if (followed !== undefined) followed.trigger = trigger;
    const event = eventOf(channel, 'key.rotated', { keyId, previousKeyId: retired.keyId, trigger, sessionsRekeyed: 1, retired: retiredOf(retired) });
    if (this.#failClosed) hold(this.#audit, event, this.#clock, ROTATION_HOLD_MS).catch(onUnheld);
    else this.#audit.record(event);
  }

  /** The keys will not be replaced any more; the session will. */
  failed(channel: SecureChannel, why: SpentReason, trigger: RekeyTrigger): void {
    if (!this.#speaksOf(channel)) return;
    this.#audit.record(eventOf(channel, 'key.rotation_failed', { keyId: channel.rekeying.usage.keyId, trigger }, WHY[why]));
  }

  /**
   * The session has ended, and its channel is destroyed: says so where its first key was said.
   * @param cause why it was ended, where that was decided here
   */
  retired(channel: SecureChannel, cause?: RetirementCause): void {
    const followed = this.#followed.get(channel);
    if (followed === undefined || !this.#speaksOf(channel)) return;
    this.#followed.delete(channel);
    const { usage } = channel.rekeying;
    const trigger = cause === 'compromise' ? cause : followed.trigger;
    this.#audit.record(eventOf(channel, 'key.retired', { keyId: usage.keyId, trigger, retired: retiredOf(usage) }));
  }

  #speaksOf(channel: SecureChannel): channel is RekeyingChannel {
    return this.#audit.enabled && channel.rekeying !== undefined;
  }
}

const WHY: Readonly<Record<SpentReason, string>> = {
  'no-answer': 'key_expired: the peer did not do its part of a rekey in time: the session is replaced, or ends at the limit of its keys',
  epochs: 'key_expired: there is no epoch after this one: the session is replaced, or ends at the limit of its keys',
};

function eventOf(channel: RekeyingChannel, action: AuditActionOf<'key_rotation'>, what: Omit<KeyRotationMetadata, 'keyType' | 'algorithm' | 'peerId' | 'policy'>, error?: string): OwnAuditEvent {
  const { peer, rekeying, suite } = channel;
  const metadata: KeyRotationMetadata = { keyType: 'session', algorithm: ALGORITHMS[suite], ...what, peerId: peer.id, policy: rekeying.policy };
  return { eventType: 'key_rotation', targetServiceId: peer.serviceId, details: { action, success: error === undefined, ...(error === undefined ? {} : { error }), metadata } };
}

const retiredOf = ({ activatedAt, ageMs, sent, received }: KeyUsage): RetiredKey => ({
  activatedAt: new Date(activatedAt).toISOString(),
  ageMs,
  records: sent.records + received.records,
  bytes: sent.bytes + received.bytes,
  // Both directions are wiped before a rotation, or an end, is told.
  destroyed: true,
});
