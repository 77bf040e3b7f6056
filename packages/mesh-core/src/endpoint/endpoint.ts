import { MeshError, type Clock, type ClockTimer, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { Backoff, type BackoffOptions } from '../session/backoff.js';
import type { OutboundSession } from '../session/outbound-session.js';
import type { SessionDialer } from '../session/session-dialer.js';

/** A session that lived this long shows that the endpoint works: the next loss starts with the shortest wait again. */
const PROVEN_AFTER_MS = 5_000;

/** What an endpoint is doing about its session. */
export type EndpointState =
  /** `error`: why the dial before failed. */
  | { readonly type: 'dialling'; readonly error?: MeshError | undefined }
  | { readonly type: 'connected'; readonly session: OutboundSession; readonly since: number }
  | { readonly type: 'waiting'; readonly error: MeshError; readonly timer: ClockTimer }
  | { readonly type: 'stopped' };

/** Who hears of an endpoint's changes. */
export interface EndpointListener {
  onConnected(endpoint: Endpoint): void;
  onDisconnected(endpoint: Endpoint): void;
  onFailed(endpoint: Endpoint, error: MeshError): void;
}

/** One instance of a service: keeps one session to it, dialling again for ever with capped, jittered waits. */
export class Endpoint {
  readonly node: ServiceNode;
  readonly #dialer: SessionDialer;
  readonly #clock: Clock;
  readonly #listener: EndpointListener;
  readonly #pins: readonly string[] | undefined;
  readonly #backoff: Backoff;
  /** Sessions that take no new calls but still have some in flight. */
  readonly #draining = new Set<OutboundSession>();
  #abort = new AbortController();
  #state: EndpointState = { type: 'stopped' };

  constructor(node: ServiceNode, dialer: SessionDialer, clock: Clock, backoff: BackoffOptions, listener: EndpointListener) {
    this.node = node;
    this.#dialer = dialer;
    this.#clock = clock;
    this.#listener = listener;
    this.#backoff = new Backoff(backoff);
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
    void this.#dial();
  }

  /** Ends it: calls in flight may end within `drainMs`, then the session closes. Asked again, the shorter time counts. */
  stop(drainMs: number): Promise<void> {
    const state = this.#state;
    this.#state = { type: 'stopped' };
    this.#abort.abort();
    if (state.type === 'waiting') state.timer.cancel();
    if (state.type === 'connected') this.#draining.add(state.session);
    return this.#drain(drainMs);
  }

  async #dial(): Promise<void> {
    this.#state = { type: 'dialling', error: this.error };
    const { signal } = this.#abort;
    let current: OutboundSession | undefined;
    const left = (): void => {
      if (current !== undefined && this.#state.type === 'connected' && this.#state.session === current) this.#lost(this.#state.since);
    };
    try {
      const session = await this.#dialer.dial(
        this.node,
        this.#pins,
        {
          onVerified: () => this.#listener.onConnected(this),
          onDraining: () => {
            if (current !== undefined) this.#draining.add(current);
            left();
          },
          onEnd: () => {
            if (current !== undefined) this.#draining.delete(current);
            left();
          },
        },
        signal,
      );
      if (signal.aborted) return session.session.close();
      current = session;
      this.#state = { type: 'connected', session, since: this.#clock.monotonic() };
      // It may have ended, or begun to drain, in the turn between.
      if (session.isOpen) this.#listener.onConnected(this);
      else left();
    } catch (error) {
      if (signal.aborted) return;
      this.#wait(MeshError.from(error, 'connect_failed'));
    }
  }

  #lost(since: number): void {
    if (this.#clock.monotonic() - since >= PROVEN_AFTER_MS) this.#backoff.reset();
    this.#wait(new MeshError('connection_lost', `the connection to ${this.node.host}:${this.node.port} ended`, { mayHaveRun: false }));
    this.#listener.onDisconnected(this);
  }

  #wait(error: MeshError): void {
    const timer = this.#clock.setTimeout(() => void this.#dial(), this.#backoff.next());
    this.#state = { type: 'waiting', error, timer };
    this.#listener.onFailed(this, error);
  }

  async #drain(drainMs: number): Promise<void> {
    await Promise.all(
      Array.from(
        this.#draining,
        (session) =>
          new Promise<void>((resolve) => {
            if (session.session.state === 'closed') return resolve();
            const timer = this.#clock.setTimeout(() => session.session.close(), drainMs);
            session.drain(() => {
              timer.cancel();
              resolve();
            });
          }),
      ),
    );
  }
}
