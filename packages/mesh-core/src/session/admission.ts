import { MeshError, type AdmissionTicket, type Clock, type ClockTimer, type ConnectionAdmission } from '@lemur-bookstores/mesh-interface';
import type { SessionLimits } from './session-limits.js';
import { TokenBucket } from './token-bucket.js';

/** Addresses whose buckets are kept; a flood from more of them meets the global bucket. */
const MAX_ADDRESSES = 4_096;

interface Pending {
  readonly remoteAddress: string;
  readonly evict: () => void;
  readonly timer: ClockTimer;
  refused: boolean;
}

/** Says why a stranger was sent away. */
export type RefusalListener = (remoteAddress: string, error: MeshError) => void;

/**
 * The door (PROTOCOL 5): how many strangers may stand in it, for how long, and how often one may knock. Runs from the accepted
 * socket, before HTTP, WebSocket or any key agreement.
 */
export class Admission implements ConnectionAdmission {
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  readonly #onRefused: RefusalListener;
  /** Those that have sent nothing yet, oldest first, and those that have. */
  readonly #silent = new Set<Pending>();
  readonly #speaking = new Set<Pending>();
  readonly #byAddress = new Map<string, TokenBucket>();
  readonly #global: TokenBucket;

  constructor(clock: Clock, limits: SessionLimits, onRefused: RefusalListener) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onRefused = onRefused;
    this.#global = new TokenBucket(limits.globalPerSecond, limits.globalBurst, clock.monotonic());
  }

  /** Handshakes under way. */
  get pending(): number {
    return this.#silent.size + this.#speaking.size;
  }

  admit(remoteAddress: string, evict: () => void): AdmissionTicket | undefined {
    if (this.pending >= this.#limits.maxPending) this.#evictOldest();
    const endsAt = this.#clock.monotonic() + this.#limits.handshakeMs;
    const pending: Pending = { remoteAddress, evict, timer: this.#clock.setTimeout(() => this.#onTimeout(pending), this.#limits.handshakeMs), refused: false };
    this.#silent.add(pending);
    const remainingMs = (): number => Math.max(0, endsAt - this.#clock.monotonic());
    return {
      get refused() {
        return pending.refused;
      },
      get remainingMs() {
        return remainingMs();
      },
      firstMessage: () => this.#onFirstMessage(pending),
      release: () => this.#remove(pending),
    };
  }

  close(): void {
    for (const pending of [...this.#silent, ...this.#speaking]) this.#evict(pending);
  }

  /** The costly part begins: both buckets must have a token. Knocking alone costs us next to nothing. */
  #onFirstMessage(pending: Pending): boolean {
    if (!this.#silent.delete(pending)) return false;
    const now = this.#clock.monotonic();
    if (this.#bucketOf(pending.remoteAddress, now).take(now) && this.#global.take(now)) {
      this.#speaking.add(pending);
      return true;
    }
    pending.timer.cancel();
    pending.refused = true;
    this.#onRefused(pending.remoteAddress, new MeshError('admission_limited', 'too many handshakes from there'));
    return false;
  }

  #bucketOf(remoteAddress: string, now: number): TokenBucket {
    const address = remoteAddress.slice(0, remoteAddress.lastIndexOf(':'));
    const known = this.#byAddress.get(address);
    if (known !== undefined) return known;
    if (this.#byAddress.size >= MAX_ADDRESSES) {
      for (const [other, bucket] of this.#byAddress) if (bucket.isFull(now)) this.#byAddress.delete(other);
      // A flood from very many addresses: they share the global bucket alone.
      if (this.#byAddress.size >= MAX_ADDRESSES) return this.#global;
    }
    const bucket = new TokenBucket(this.#limits.addressPerSecond, this.#limits.addressBurst, now);
    this.#byAddress.set(address, bucket);
    return bucket;
  }

  #evictOldest(): void {
    // A handshake takes milliseconds: who has been at it longest is the likeliest to hold the door shut on purpose.
    for (const [waiting, kind] of [[this.#silent, 'silent connections'], [this.#speaking, 'handshakes']] as const) {
      for (const oldest of waiting) {
        this.#onRefused(oldest.remoteAddress, new MeshError('admission_limited', `evicted: the oldest of too many ${kind}`));
        return this.#evict(oldest);
      }
    }
  }

  #onTimeout(pending: Pending): void {
    this.#onRefused(pending.remoteAddress, new MeshError('handshake_timeout', `no handshake within ${this.#limits.handshakeMs} ms`));
    this.#evict(pending);
  }

  #evict(pending: Pending): void {
    this.#remove(pending);
    pending.refused = true;
    pending.evict();
  }

  #remove(pending: Pending): void {
    pending.timer.cancel();
    this.#silent.delete(pending);
    this.#speaking.delete(pending);
  }
}
