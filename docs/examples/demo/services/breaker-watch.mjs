import { LatencyHistogram } from '../statistics.mjs';

/** What a caller sees of its circuit breaker: the states that `getStats()` gives, and how long a call takes that is refused. */
export class BreakerWatch {
  #mesh;
  #last;
  #states = [];
  #refusals = new LatencyHistogram();

  constructor(mesh) {
    this.#mesh = mesh;
    this.#look();
  }

  /** A call was made: an open breaker may be half-open once it is sent, at once or behind interceptors. An answer, on a busy machine, may be read just after that. */
  made() {
    if (this.#last === 'closed') return;
    this.#look();
    queueMicrotask(() => this.#look());
  }

  /** A call has ended, perhaps with an error: that may have opened the breaker, or closed it. */
  ended(error) {
    if (error !== undefined || this.#last !== 'closed') this.#look();
  }

  /** A call was refused: nothing changes. @param ms that it took */
  refused(ms) {
    this.#refusals.record(ms);
  }

  /** What came since the last time. */
  take() {
    const taken = { states: this.#states, refusals: this.#refusals.toJSON() };
    this.#states = [];
    this.#refusals = new LatencyHistogram();
    return taken;
  }

  #look() {
    const { circuitBreakerState } = this.#mesh.getStats().metrics;
    if (circuitBreakerState !== this.#last) this.#states.push(circuitBreakerState);
    this.#last = circuitBreakerState;
  }
}
