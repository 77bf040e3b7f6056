import type { Clock, MeshError, ServiceNode } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { OutboundSession } from '../../src/session/outbound-session.js';
import type { DialListener, SessionDialer } from '../../src/session/session-dialer.js';
import { SessionRig } from './session-rig.js';
import { message } from './wire.js';

/** What the next dial to a port comes to. */
export type Outcome = 'connects' | 'hangs' | MeshError;

/** A session that a {@link FakeDialer} made, its far end in the test's hand. */
export interface Dialled {
  readonly port: number;
  readonly outbound: OutboundSession;
  readonly rig: SessionRig;
}

/** Dials what a test says it does. */
export class FakeDialer {
  readonly attempts: { readonly port: number; readonly at: number; readonly pins: readonly string[] | undefined }[] = [];
  readonly sessions: Dialled[] = [];
  readonly aborted: number[] = [];
  /** By port; what is not in it connects. */
  readonly outcomes = new Map<number, Outcome>();
  /** How long each dial takes. */
  dialMs = 0;
  /** Runs before the dialler's owner has the session. */
  onConnected: (dialled: Dialled) => void = () => {};
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get asDialer(): SessionDialer {
    return this as unknown as SessionDialer;
  }

  async dial({ port }: ServiceNode, pins: readonly string[] | undefined, listener: DialListener, signal: AbortSignal): Promise<OutboundSession> {
    this.attempts.push({ port, at: this.#clock.monotonic(), pins });
    const onAbort = (): void => void this.aborted.push(port);
    signal.addEventListener('abort', onAbort);
    const outcome = this.outcomes.get(port) ?? 'connects';
    if (outcome === 'hangs') return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    if (this.dialMs > 0) await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.dialMs));
    await Promise.resolve();
    signal.removeEventListener('abort', onAbort);
    if (outcome !== 'connects') throw outcome;
    const outbound = new OutboundSession({ onReady: () => {}, onRotated: () => {}, onSpent: () => {}, onVerified: () => listener.onVerified(), onDraining: () => listener.onDraining(), onRenew: (cause) => listener.onRenew(cause), onEnd: (end) => listener.onEnd(end) }, 10_000);
    const rig = new SessionRig('initiator', outbound);
    outbound.attach(rig.session);
    rig.feed(message(MessageKind.welcome, 0));
    const dialled = { port, outbound, rig };
    this.sessions.push(dialled);
    this.onConnected(dialled);
    return outbound;
  }

  /** The last session to a port. */
  session(port: number): Dialled {
    const found = this.sessions.findLast((session) => session.port === port);
    if (found === undefined) throw new Error(`nothing dialled ${port}`);
    return found;
  }
}
