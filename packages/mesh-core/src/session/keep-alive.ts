import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';

/** What a {@link KeepAlive} watches. */
export interface KeptAlive {
  /** Monotonic time of the last record that came, in ms. */
  lastReceivedAt(): number;
  sendPing(): void;
  /** Nothing came in time. */
  onDead(): void;
}

/**
 * Pings a connection that has been silent for `idleMs` and declares it dead after `deadMs` more (PROTOCOL 5). One timer a
 * connection, armed for the next time something could be due: traffic costs nothing here.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #subject: KeptAlive;
  readonly #idleMs: number;
  readonly #deadMs: number;
  #timer: ClockTimer | undefined;
  #pingedAt: number | undefined;

  constructor(clock: Clock, subject: KeptAlive, idleMs: number, deadMs: number) {
    this.#clock = clock;
    this.#subject = subject;
    this.#idleMs = idleMs;
    this.#deadMs = deadMs;
  }

  start(): void {
    this.#arm(this.#idleMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Asks now, e.g. because a session that was idle for long is about to be used. */
  verify(): void {
    // What has been answered is forgotten only when the timer comes.
    if (this.#pingedAt !== undefined && this.#subject.lastReceivedAt() < this.#pingedAt) return;
    this.#ping();
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimeout(() => this.#check(), delayMs);
  }

  #check(): void {
    const now = this.#clock.monotonic();
    const lastReceivedAt = this.#subject.lastReceivedAt();
    if (this.#pingedAt !== undefined && lastReceivedAt < this.#pingedAt) {
      if (now - this.#pingedAt >= this.#deadMs) return this.#subject.onDead();
      return this.#arm(this.#pingedAt + this.#deadMs - now);
    }
    this.#pingedAt = undefined;
    const silentMs = now - lastReceivedAt;
    if (silentMs >= this.#idleMs) this.#ping();
    else this.#arm(this.#idleMs - silentMs);
  }

  #ping(): void {
    this.#pingedAt = this.#clock.monotonic();
    this.#subject.sendPing();
    this.#arm(this.#deadMs);
  }
}
