import { MeshError, type BreakerTicket, type CircuitBreakerState, type EndpointBreaker } from '@lemur-bookstores/mesh-interface';
import { outcomeOf, type BreakerOutcome } from './breaker-outcome.js';
import type { CircuitBreakerSettings } from './circuit-breaker-options.js';
import { ConsecutiveFailures, SuccessRateWindow, type TripStrategy } from './trip-strategy.js';

/** A breaker has changed its state. */
export interface BreakerTransition {
  readonly service: string;
  /** `host:port`, or `*` where one breaker stands for all of the service. */
  readonly endpoint: string;
  readonly from: CircuitBreakerState;
  readonly to: CircuitBreakerState;
  /** To `open`: how many failures led to it; else 0. */
  readonly failures: number;
  /** To `open`: the last of them. */
  readonly error?: MeshError;
  /** To `open`: how long it will be, in ms. To `half-open`: how long it was open. To `closed`: how long it was not. */
  readonly durationMs: number;
}

/** What a breaker is doing. */
type State =
  | { readonly type: 'closed' }
  | { readonly type: 'open'; readonly since: number; readonly until: number }
  /** `probe`: the ticket of the call that has the one place, 0 for none; after `freeAt` another may take it. */
  | { readonly type: 'half-open'; probe: BreakerTicket; freeAt: number; succeeded: number };

const CLOSED: State = Object.freeze({ type: 'closed' });
/** Beyond this the wait is at any cap. */
const MAX_DOUBLINGS = 30;
/** What is said to who comes while a probe is on its way: it keeps its place for longer at most, but is rarely away for that long. */
const PROBE_WAIT_MS = 1_000;

/**
 * The circuit breaker of one endpoint, and nothing else: no timer, no promise, no map. It opens when its strategy says so; after its
 * wait the first call is the probe, one at a time, whose failure opens it for longer; after enough probes that succeed it closes.
 */
export class Breaker implements EndpointBreaker {
  readonly service: string;
  readonly endpoint: string;
  readonly #settings: CircuitBreakerSettings;
  readonly #strategy: TripStrategy;
  readonly #onTransition: (transition: BreakerTransition) => void;
  #state: State = CLOSED;
  /** Of the calls admitted while closed; each probe has one of its own. What has another belongs to an earlier state. */
  #ticket: BreakerTicket = 1;
  /** Times that it was opened since it was last closed. */
  #openings = 0;
  #notClosedSince = 0;

  constructor(service: string, endpoint: string, settings: CircuitBreakerSettings, onTransition: (transition: BreakerTransition) => void = () => {}) {
    this.service = service;
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#strategy = settings.strategy === 'consecutive' ? new ConsecutiveFailures(settings.failureThreshold) : new SuccessRateWindow(settings.strategy);
    this.#onTransition = onTransition;
  }

  get state(): CircuitBreakerState {
    return this.#state.type;
  }

  isReady(now = this.#settings.clock.monotonic()): boolean {
    const state = this.#state;
    switch (state.type) {
      case 'closed':
        return true;
      case 'open':
        return now >= state.until;
      case 'half-open':
        return state.probe === 0 || now >= state.freeAt;
    }
  }

  admit(now?: number): BreakerTicket {
    // First: no clock is read while all is well.
    if (this.#state.type === 'closed') return this.#ticket;
    const at = now ?? this.#settings.clock.monotonic();
    if (!this.isReady(at)) return 0;
    if (this.#state.type === 'open') this.#halfOpen(this.#state.since, at);
    return this.#probe(at);
  }

  settle(ticket: BreakerTicket, error: MeshError | undefined, answered?: boolean, now?: number): void {
    this.settleAs(ticket, outcomeOf(error, answered), error, now);
  }

  /** {@link settle} for who knows better than the table of codes what it means. */
  settleAs(ticket: BreakerTicket, outcome: BreakerOutcome, error?: MeshError, at?: number): void {
    const state = this.#state;
    if (state.type === 'closed' && ticket === this.#ticket) {
      if (outcome === 'none') return;
      const succeeded = outcome === 'success';
      // The usual case reads no clock.
      const now = succeeded && !this.#strategy.keepsTime ? 0 : (at ?? this.#settings.clock.monotonic());
      if (this.#strategy.record(succeeded, now)) this.#open(now, this.#strategy.failures, error);
    } else if (state.type === 'half-open' && ticket === state.probe) {
      // Also where it says nothing: the next call is the probe.
      state.probe = 0;
      if (outcome === 'none') return;
      const now = at ?? this.#settings.clock.monotonic();
      if (outcome === 'failure') this.#open(now, 1, error);
      else if (++state.succeeded >= this.#settings.successThreshold) this.#close(now);
    }
  }

  reachable(now = this.#settings.clock.monotonic()): void {
    const state = this.#state;
    if (state.type === 'open') this.#state = { ...state, until: Math.min(state.until, now) };
  }

  waitMs(now = this.#settings.clock.monotonic()): number {
    const state = this.#state;
    const until = state.type === 'open' ? state.until : state.type === 'half-open' ? Math.min(state.freeAt, now + PROBE_WAIT_MS) : now;
    return Math.max(1, Math.ceil(until - now));
  }

  refusal(now = this.#settings.clock.monotonic()): MeshError {
    const state = this.#state;
    const where = this.endpoint === '*' ? this.service : `${this.service} at ${this.endpoint}`;
    const retryAfterMs = this.waitMs(now);
    const then = state.type === 'half-open' ? 'one is on its way to see whether they still do' : `none is made for another ${retryAfterMs} ms`;
    return new MeshError('circuit_open', `calls to ${where} failed; ${then}`, { mayHaveRun: false, retryAfterMs });
  }

  #probe(now: number): BreakerTicket {
    const state = this.#state;
    if (state.type !== 'half-open') return 0;
    state.probe = ++this.#ticket;
    state.freeAt = now + this.#settings.timeout;
    return state.probe;
  }

  #open(now: number, failures: number, error: MeshError | undefined): void {
    const from = this.#state.type;
    const openMs = this.#nextOpenMs();
    if (from === 'closed') this.#notClosedSince = now;
    this.#openings++;
    this.#ticket++;
    this.#state = { type: 'open', since: now, until: now + openMs };
    this.#tell(from, failures, openMs, error);
  }

  #halfOpen(since: number, now: number): void {
    this.#state = { type: 'half-open', probe: 0, freeAt: 0, succeeded: 0 };
    this.#tell('open', 0, now - since);
  }

  #close(now: number): void {
    this.#openings = 0;
    this.#ticket++;
    this.#strategy.reset();
    this.#state = CLOSED;
    this.#tell('half-open', 0, now - this.#notClosedSince);
  }

  /** The first time exactly `timeout`; then doubled each time, drawn between half and all of that, so that a fleet does not probe in step. */
  #nextOpenMs(): number {
    const { timeout, maxTimeoutMs, random } = this.#settings;
    if (this.#openings === 0) return timeout;
    const full = Math.min(maxTimeoutMs, timeout * 2 ** Math.min(this.#openings, MAX_DOUBLINGS));
    return Math.max(timeout, full * (0.5 + random() / 2));
  }

  #tell(from: CircuitBreakerState, failures: number, durationMs: number, error?: MeshError): void {
    this.#onTransition({ service: this.service, endpoint: this.endpoint, from, to: this.#state.type, failures, durationMs, ...(error === undefined ? {} : { error }) });
  }
}
