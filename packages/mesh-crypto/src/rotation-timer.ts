import { MeshError, type Clock, type ClockTimer, type Logger } from '@lemur-bookstores/mesh-interface';

/** The earliest moment for a rotation, as a part of the interval; the latest is its end. Each is drawn anew, so that a fleet does not rotate together. */
const EARLIEST = 0.85;

/** Between two attempts, in ms: doubled with each failure. */
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

export interface RotationTimerParts {
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the key in use, in ms; `undefined` while there is none. */
  ageMs(): number | undefined;
  rotate(): Promise<unknown>;
  /** 0 to 1. For tests. */
  readonly random?: () => number;
}

/** Rotates a key before it is too old, whoever made it; tries again where that fails, but not after the end of its manager. Keeps no process alive. */
export class RotationTimer {
  readonly #parts: RotationTimerParts;
  readonly #random: () => number;
  #timer: ClockTimer | undefined;
  /** Counts starts and stops: what was begun before the last of them does nothing more. */
  #run = 0;
  #failures = 0;

  constructor(parts: RotationTimerParts) {
    this.#parts = parts;
    this.#random = parts.random ?? Math.random;
  }

  /** Does nothing where it runs. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#run++;
    this.#failures = 0;
    this.#arm();
  }

  /** Waits for nothing. Safe to call twice. */
  stop(): void {
    this.#run++;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const dueAgeMs = this.#parts.intervalMs * (EARLIEST + (1 - EARLIEST) * this.#random());
    this.#wait(dueAgeMs - (this.#parts.ageMs() ?? 0), dueAgeMs);
  }

  #wait(delayMs: number, dueAgeMs: number): void {
    const run = this.#run;
    this.#timer = this.#parts.clock.setTimeout(() => void this.#due(run, dueAgeMs), Math.max(1, Math.ceil(delayMs)));
  }

  async #due(run: number, dueAgeMs: number): Promise<void> {
    const { clock, logger, intervalMs } = this.#parts;
    const leftMs = dueAgeMs - (this.#parts.ageMs() ?? dueAgeMs);
    // Somebody else rotated it meanwhile.
    if (leftMs > 0) return this.#wait(leftMs, dueAgeMs);
    try {
      await this.#parts.rotate();
      this.#failures = 0;
      if (run === this.#run) this.#arm();
    } catch (error) {
      if (run !== this.#run) return;
      // There is nothing to rotate any more.
      if (MeshError.from(error).reason === 'mesh_closed') return this.stop();
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS, intervalMs) * (0.5 + this.#random() / 2);
      logger.warn(`the static key was not rotated, next attempt in ${Math.ceil(retryMs)} ms: ${MeshError.from(error).message}`);
      this.#timer = clock.setTimeout(() => void this.#due(run, dueAgeMs), Math.max(1, Math.ceil(retryMs)));
    }
  }
}
