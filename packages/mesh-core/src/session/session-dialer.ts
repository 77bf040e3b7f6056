import {
  MeshError,
  type ChannelFactory,
  type ChannelHandshake,
  type Clock,
  type Connection,
  type ServiceNode,
  type Transport,
} from '@lemur-bookstores/mesh-interface';
import { beganTooLate, notInTime, type HeldEvents } from './audit-hold.js';
import type { ConnectionJournal } from './connection-journal.js';
import { driveInitiator } from './handshake-driver.js';
import type { SessionObserver } from './live-session.js';
import { OutboundSession, type OutboundSessionListener } from './outbound-session.js';
import { Session } from './session.js';
import type { SessionEnd } from './session-delegate.js';
import type { SessionLimits } from './session-limits.js';

/** What a dial needs. */
export interface DialerParts {
  readonly transport: Transport;
  readonly channels: ChannelFactory;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly journal: ConnectionJournal;
  /** Default: none. */
  readonly observer?: SessionObserver;
}

/** What the dialler's owner hears of a session after it was welcomed. */
export type DialListener = Omit<OutboundSessionListener, 'onReady' | 'onRotated' | 'onSpent'>;

/** Connects to one instance of a service and proves it: the outbound half of the life of a session. */
export class SessionDialer {
  readonly #parts: DialerParts;

  constructor(parts: DialerParts) {
    this.#parts = parts;
  }

  /**
   * Resolves once the peer said welcome: both ends are proven then, and a request written is one the peer will read.
   * @throws MeshError with `mayHaveRun: false`
   */
  async dial(node: ServiceNode, pins: readonly string[] | undefined, listener: DialListener, signal: AbortSignal): Promise<OutboundSession> {
    const { clock, journal } = this.#parts;
    const startedAt = clock.monotonic();
    try {
      return await this.#connect(node, pins, listener, signal, startedAt);
    } catch (error) {
      const failure = MeshError.from(error, 'connect_failed');
      if (!signal.aborted) journal.dialFailed(node.id, `${node.host}:${node.port}`, failure, clock.monotonic() - startedAt);
      throw failure;
    }
  }

  async #connect(node: ServiceNode, pins: readonly string[] | undefined, listener: DialListener, signal: AbortSignal, startedAt: number): Promise<OutboundSession> {
    const { transport, clock, limits, journal, observer } = this.#parts;
    const connection = await transport.dial(node, signal);
    const handshake = this.#handshake(node, pins, connection);
    const channel = await driveInitiator(connection, handshake, clock, limits.handshakeMs, signal);
    return new Promise((resolve, reject) => {
      /** `welcomed`: by the peer, but the trail does not have it yet that it is proven. */
      let state: 'proven' | 'welcomed' | 'open' = 'proven';
      let failure: MeshError | undefined;
      let held: HeldEvents | undefined;
      const timer = clock.setTimeout(() => {
        if (held !== undefined) giveUp(notInTime(held.actions, limits.handshakeMs));
        else outbound.session.fail(new MeshError('handshake_timeout', 'the peer did not say welcome in time', { mayHaveRun: false }));
      }, limits.handshakeMs);
      const onAbort = (): void => outbound.session.close();
      const settle = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const giveUp = (error: MeshError): void => {
        failure = error;
        outbound.session.close();
      };
      const open = (): void => {
        if (outbound.session.state === 'closed') return;
        if (channel.revoked === true) return giveUp(beganTooLate());
        state = 'open';
        settle();
        journal.opened('outbound', outbound.session, node.id);
        observer?.opened(outbound);
        resolve(outbound);
      };
      const outbound = new OutboundSession(
        {
          onReady: () => {
            held = journal.proven('outbound', outbound.session, clock.monotonic() - startedAt);
            if (held === undefined) return open();
            state = 'welcomed';
            held.done.then(open, (error: unknown) => giveUp(MeshError.from(error)));
          },
          onRotated: (rotation) => {
            journal.rotated(outbound.session, rotation);
            observer?.rotated(outbound);
          },
          onSpent: (why, trigger) => journal.spent(outbound.session, why, trigger),
          onVerified: () => listener.onVerified(),
          onDraining: () => listener.onDraining(),
          onRenew: (cause) => listener.onRenew(cause),
          onEnd: (end) => {
            settle();
            if (state !== 'open') {
              journal.unopened(outbound.session.channel);
              return reject(failure ?? notOpened(end, state));
            }
            journal.ended('outbound', outbound.session, end);
            observer?.ended(outbound);
            listener.onEnd(end);
          },
        },
        limits.maxCalls,
      );
      signal.addEventListener('abort', onAbort, { once: true });
      outbound.attach(new Session(connection, channel, clock, limits, outbound));
    });
  }

  #handshake(node: ServiceNode, pins: readonly string[] | undefined, connection: Connection): ChannelHandshake {
    try {
      return this.#parts.channels.dial({
        serviceId: node.id,
        ...(node.spiffeId === undefined ? {} : { spiffeId: node.spiffeId }),
        ...(pins === undefined ? {} : { pins }),
      });
    } catch (error) {
      connection.terminate();
      throw error;
    }
  }
}

function notOpened(end: SessionEnd, state: 'proven' | 'welcomed'): MeshError {
  if (end.type === 'failed') return end.error;
  const cause = end.type === 'truncated' ? { cause: end.error } : {};
  return state === 'welcomed'
    ? new MeshError('connection_lost', 'the connection ended before the session began', { mayHaveRun: false, ...cause })
    : new MeshError('handshake_rejected', 'the peer hung up instead of saying welcome: it may not trust this service; its own log and audit say why', { mayHaveRun: false, ...cause });
}
