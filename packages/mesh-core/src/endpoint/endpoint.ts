import { MeshError, type Clock, type ClockTimer, type EndpointBreaker, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { Backoff, type BackoffOptions } from '../session/backoff.js';
import { drained } from '../session/drained-session.js';
import { replace } from '../session/live-session.js';
import type { OutboundSession } from '../session/outbound-session.js';
import type { RetirementCause } from '../session/session-delegate.js';
import type { SessionDialer } from '../session/session-dialer.js';
import { EndpointLoad } from './endpoint-load.js';
import { endWait, NO_RENEWAL, type Renewal } from './endpoint-renewal.js';

/** A session that lived this long shows that the endpoint works: the next loss starts with the shortest wait again, as after one result of a call, and a GOAWAY with none. */
const PROVEN_AFTER_MS = 5_000;

/** What an endpoint is doing about its session. At any time it dials at most once. */
export type EndpointState =
  /** `error`: why the dial before failed. */
  | { readonly type: 'dialling'; readonly error?: MeshError | undefined }
  | { readonly type: 'connected'; readonly session: OutboundSession; readonly since: number; readonly renewal: Renewal }
  | { readonly type: 'waiting'; readonly error: MeshError; readonly timer: ClockTimer }
  | { readonly type: 'stopped' };

type Connected = EndpointState & { readonly type: 'connected' };

/** Who hears of an endpoint's changes. */
export interface EndpointListener {
  onConnected(endpoint: Endpoint): void;
  onDisconnected(endpoint: Endpoint): void;
  onFailed(endpoint: Endpoint, error: MeshError): void;
}

/**
 * One instance of a service: keeps one session to it, dialling again for ever with capped, jittered waits. A session that works is replaced
 * make-before-break (PROTOCOL 3.9).
 */
export class Endpoint {
  readonly node: ServiceNode;
  /** Of every session to it, one after another. */
  readonly breaker: EndpointBreaker | undefined;
  readonly load = new EndpointLoad();
  readonly #dialer: SessionDialer;
  readonly #clock: Clock;
  readonly #listener: EndpointListener;
  readonly #pins: readonly string[] | undefined;
  readonly #backoff: Backoff;
  /** Of its own: what becomes of a renewal says nothing of how the next loss is to be met. */
  readonly #renewalBackoff: Backoff;
  /** Sessions that take no new calls but still have some in flight. */
  readonly #draining = new Set<OutboundSession>();
  #abort = new AbortController();
  #dialledAt = -Infinity;
  #state: EndpointState = { type: 'stopped' };

  constructor(node: ServiceNode, dialer: SessionDialer, clock: Clock, backoff: BackoffOptions, listener: EndpointListener, breaker?: EndpointBreaker) {
    this.node = node;
    this.breaker = breaker;
    this.#dialer = dialer;
    this.#clock = clock;
    this.#listener = listener;
    this.#backoff = new Backoff(backoff);
    this.#renewalBackoff = new Backoff(backoff);
    this.#pins = node.publicKey === undefined ? undefined : typeof node.publicKey === 'string' ? [node.publicKey] : node.publicKey;
  }

  get state(): EndpointState {
    return this.#state;
  }

  /** The session that takes new calls, if there is one. */
  get session(): OutboundSession | undefined {
    return this.#state.type === 'connected' && this.#state.session.isOpen ? this.#state.session : undefined;
  }

  /** Every session that is up: the one that takes new calls, and those that only end theirs. */
  get sessions(): OutboundSession[] {
    const current = this.#state.type === 'connected' ? [this.#state.session] : [];
    return [...new Set([...current, ...this.#draining])].filter(({ session }) => session.state !== 'closed');
  }

  /** Why there is no session; also while it dials again. */
  get error(): MeshError | undefined {
    return 'error' in this.#state ? this.#state.error : undefined;
  }

  start(): void {
    if (this.#state.type !== 'stopped') return;
    this.#abort = new AbortController();
    this.#dialAnew();
  }

  /**
   * Dials another session, which takes the calls once it is welcomed; the present one serves until then, and ends after its last answer. A dial
   * that fails is repeated, with growing waits, for as long as the session lasts. Asked again meanwhile, or without a session, it does nothing; only
   * a `compromise` does not wait for what is left of such a wait.
   */
  renew(cause: RetirementCause): void {
    const state = this.#state;
    if (state.type !== 'connected') return;
    const { renewal } = state;
    if (renewal.type === 'dialling' || (renewal.type === 'waiting' && cause !== 'compromise')) return;
    endWait(renewal);
    this.#dialRenewal(state, cause);
  }

  /** Of its service none is connected any more, and one had worked: what is left of a wait is as after a first failure. The steps go on growing. */
  hurry(): void {
    if (this.#state.type !== 'waiting') return;
    this.#state.timer.cancel();
    this.#state = { ...this.#state, timer: this.#clock.setTimeout(() => this.#dialAnew(), this.#backoff.first()) };
  }

  /** Ends it: calls in flight may end within `drainMs`, then the session closes. Asked again, the shorter time counts. */
  stop(drainMs: number): Promise<void> {
    const state = this.#state;
    this.#state = { type: 'stopped' };
    this.#abort.abort();
    if (state.type === 'waiting') state.timer.cancel();
    if (state.type === 'connected') {
      endWait(state.renewal);
      this.#draining.add(state.session);
    }
    return this.#drain(drainMs);
  }

  #dialAnew(error = this.error): void {
    this.#state = { type: 'dialling', error };
    void this.#dial();
  }

  #dialRenewal(state: Connected, cause: RetirementCause): void {
    this.#state = { ...state, renewal: { type: 'dialling', cause } };
    void this.#dial();
  }

  /** What comes of it depends on the state it finds: the session that it was to replace may be gone by then. */
  async #dial(): Promise<void> {
    const { signal } = this.#abort;
    this.#dialledAt = this.#clock.monotonic();
    let own: OutboundSession | undefined;
    try {
      const session = await this.#dialer.dial(
        this.node,
        this.#pins,
        {
          onVerified: () => this.#listener.onConnected(this),
          onDraining: () => {
            if (own !== undefined) this.#onDraining(own);
          },
          onRenew: (cause) => {
            if (own === this.session) this.renew(cause);
          },
          onEnd: () => {
            if (own !== undefined) this.#onEnd(own);
          },
        },
        signal,
      );
      if (signal.aborted) return session.session.close();
      // A compromise in the turn between asked only those that were here.
      if (session.session.channel.revoked === true) session.session.close();
      own = session;
      session.breaker = this.breaker;
      this.#onDialled(session);
    } catch (error) {
      if (!signal.aborted) this.#onDialFailed(MeshError.from(error, 'connect_failed'));
    }
  }

  #onDialled(session: OutboundSession): void {
    const before = this.#state;
    const next: Connected = { type: 'connected', session, since: this.#clock.monotonic(), renewal: NO_RENEWAL };
    // It may have ended, or begun to drain, in the turn between.
    if (!session.isOpen) {
      if (session.session.state !== 'closed') this.#draining.add(session);
      if (before.type === 'connected') return this.#renewalFailed(before);
      this.#state = next;
      return this.#lost(next, 'cut');
    }
    if (before.type !== 'connected') {
      this.load.connected(next.since);
      this.breaker?.reachable(next.since);
    }
    session.outcomes = this.load;
    this.#state = next;
    this.#listener.onConnected(this);
    if (before.type !== 'connected') return;
    this.#renewalBackoff.reset();
    replace(before.session, before.renewal.type === 'dialling' ? before.renewal.cause : 'key_rotation');
  }

  #onDialFailed(error: MeshError): void {
    if (this.#state.type === 'connected') this.#renewalFailed(this.#state);
    // From start to start: a dial that hung for seconds is not followed by a wait of seconds.
    else this.#wait(error, this.#clock.monotonic() - this.#dialledAt);
  }

  #renewalFailed(state: Connected): void {
    const { renewal } = state;
    if (renewal.type !== 'dialling') return;
    const again = (): void => {
      const now = this.#state;
      if (now.type === 'connected') this.#dialRenewal(now, renewal.cause);
    };
    this.#state = { ...state, renewal: { type: 'waiting', cause: renewal.cause, timer: this.#clock.setTimeout(again, this.#renewalBackoff.next()) } };
  }

  #onDraining(session: OutboundSession): void {
    this.#draining.add(session);
    if (this.#state.type === 'connected' && this.#state.session === session) this.#lost(this.#state, 'draining');
  }

  #onEnd(session: OutboundSession): void {
    this.#draining.delete(session);
    if (this.#state.type === 'connected' && this.#state.session === session) this.#lost(this.#state, 'cut');
  }

  /**
   * The session takes no calls any more. One that drains in good order after it had worked for a while is replaced at once: its peer works. A
   * peer that sends everybody away at once is met with growing waits, as one that cannot be reached.
   */
  #lost({ since, renewal }: Connected, how: 'draining' | 'cut'): void {
    const error = new MeshError('connection_lost', `the connection to ${this.node.host}:${this.node.port} ended`, { mayHaveRun: false });
    const proven = this.#clock.monotonic() - since >= PROVEN_AFTER_MS;
    if (proven || this.load.answered) this.#backoff.reset();
    endWait(renewal);
    if (renewal.type === 'dialling') this.#state = { type: 'dialling', error };
    else if (proven && how === 'draining') this.#dialAnew(error);
    else this.#wait(error);
    this.#listener.onDisconnected(this);
  }

  /** @param waitedMs what counts as waited already */
  #wait(error: MeshError, waitedMs = 0): void {
    const timer = this.#clock.setTimeout(() => this.#dialAnew(), Math.max(0, this.#backoff.next() - waitedMs));
    this.#state = { type: 'waiting', error, timer };
    this.#listener.onFailed(this, error);
  }

  async #drain(drainMs: number): Promise<void> {
    await Promise.all(Array.from(this.#draining, (session) => drained(session, drainMs, this.#clock)));
  }
}
