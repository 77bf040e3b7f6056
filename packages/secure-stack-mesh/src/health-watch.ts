import { EventLoopLag, type HealthMonitor } from '@lemur-bookstores/mesh-health';
import type { Clock } from '@lemur-bookstores/mesh-interface';
import { registerBuiltInChecks, type CheckedParts } from './built-in-checks.js';
import { EventLoopMeter } from './event-loop-meter.js';
import { HealthJournal } from './health-journal.js';

/** What a mesh does with its monitor: it adds its checks, measures the event loop for them and for its metrics while it runs, and writes what changes to the audit trail. */
export class HealthWatch {
  readonly #health: HealthMonitor;
  readonly #parts: CheckedParts;
  readonly #journal: HealthJournal;
  readonly #eventLoop = new EventLoopLag();
  /** For metrics: a look at it begins nothing anew for the checks. */
  readonly eventLoop: EventLoopMeter;
  #unregister: () => void;

  constructor(health: HealthMonitor, parts: Omit<CheckedParts, 'eventLoop'>, clock: Clock) {
    this.#health = health;
    this.eventLoop = new EventLoopMeter(clock);
    this.#parts = { ...parts, eventLoop: this.#eventLoop };
    this.#journal = new HealthJournal(health, parts.audit);
    this.#unregister = registerBuiltInChecks(health, this.#parts);
  }

  /** The mesh runs: what the checks found before is no longer true, however fresh it is. @param isClosing whether it is being closed already */
  start(isClosing: boolean): void {
    this.leave();
    this.#unregister = registerBuiltInChecks(this.#health, this.#parts);
    if (isClosing) return;
    this.#eventLoop.start();
    this.eventLoop.start();
    this.#journal.start();
  }

  /** The mesh begins to close: what its checks find from here on is no news. */
  stop(): void {
    this.#journal.stop();
    this.#eventLoop.stop();
    this.eventLoop.stop();
  }

  /** Takes the mesh's checks out of the monitor. */
  leave(): void {
    this.#unregister();
  }
}
