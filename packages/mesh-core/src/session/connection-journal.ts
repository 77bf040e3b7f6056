import type { AuditSink, Clock, ClockTimer, Logger, MeshError, PeerIdentity } from '@lemur-bookstores/mesh-interface';
import type { Session, SessionEnd } from './session.js';

export type Direction = 'inbound' | 'outbound';

/** Strangers can cause refusals at will: after the first of each reason, they are counted and said once in this time, in ms. */
const REFUSAL_WINDOW_MS = 1_000;

interface Refusals {
  count: number;
  last: MeshError;
  lastAddress: string;
}

/** Counts what happens to connections, and writes it to the audit trail. */
export class ConnectionJournal {
  readonly #audit: AuditSink;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #refusals = new Map<string, Refusals>();
  readonly #handshakes = new Map<string, number>();
  #refusalTimer: ClockTimer | undefined;
  successful = 0;
  failed = 0;
  /** Bytes of sessions that have ended. */
  endedBytes = { sent: 0, received: 0 };

  constructor(audit: AuditSink, logger: Logger, clock: Clock) {
    this.#audit = audit;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Handshakes by outcome: `ok`, or a reason. */
  get handshakes(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#handshakes);
  }

  opened(direction: Direction, session: Session, durationMs: number): void {
    this.successful++;
    this.#count('ok');
    const metadata = { ...describe(direction, session.remoteAddress, session.peer), suite: session.channel.suite };
    this.#record('auth.succeeded', session.peer.serviceId, true, { duration: durationMs, metadata });
    this.#record('connection.open', session.peer.serviceId, true, { metadata });
  }

  /** A dial that came to nothing. */
  dialFailed(serviceId: string, address: string, error: MeshError, durationMs: number): void {
    this.failed++;
    this.#count(error.reason);
    const authentication = error.code === 'UNAUTHENTICATED';
    if (authentication) this.#logger.warn(`${serviceId} at ${address} is not who it should be: ${error.message}`, { reason: error.reason });
    this.#record(authentication ? 'auth.failed' : 'connection.failed', serviceId, false, {
      duration: durationMs,
      error: error.message,
      metadata: { direction: 'outbound', address, reason: error.reason },
    });
  }

  /** Somebody who dialled us did not get in. */
  refused(address: string, error: MeshError): void {
    this.failed++;
    this.#count(error.reason);
    const known = this.#refusals.get(error.reason);
    if (known !== undefined) {
      known.count++;
      known.last = error;
      known.lastAddress = address;
      return;
    }
    this.#refusals.set(error.reason, { count: 0, last: error, lastAddress: address });
    this.#refusalTimer ??= this.#clock.setTimeout(() => this.flush(), REFUSAL_WINDOW_MS);
    this.#refusal(address, error, 1);
  }

  ended(direction: Direction, session: Session, end: SessionEnd): void {
    this.endedBytes.sent += session.packer.sentBytes;
    this.endedBytes.received += session.receivedBytes;
    const { serviceId } = session.peer;
    const metadata = describe(direction, session.remoteAddress, session.peer);
    const duration = this.#clock.monotonic() - session.openedAt;
    switch (end.type) {
      case 'closed':
        return this.#record('connection.close', serviceId, true, { duration, metadata: { ...metadata, by: end.by } });
      case 'truncated':
        return this.#record('connection.truncated', serviceId, false, { duration, error: end.error.message, metadata });
      case 'failed':
        this.#logger.warn(`connection with ${serviceId} ended: ${end.error.message}`, { reason: end.error.reason });
        this.#audit.record({ eventType: 'error', targetServiceId: serviceId, details: { action: 'connection.failed', success: false, duration, error: end.error.message, metadata: { ...metadata, reason: end.error.reason } } });
    }
  }

  /** Says what was counted since the first refusal of each reason. */
  flush(): void {
    this.#refusalTimer?.cancel();
    this.#refusalTimer = undefined;
    for (const { count, last, lastAddress } of this.#refusals.values()) if (count > 0) this.#refusal(lastAddress, last, count);
    this.#refusals.clear();
  }

  #refusal(address: string, error: MeshError, messageCount: number): void {
    const action = error.code === 'UNAUTHENTICATED' ? 'auth.failed' : 'connection.refused';
    this.#record(action, undefined, false, { messageCount, error: error.message, metadata: { direction: 'inbound', address, reason: error.reason } });
    if (action === 'auth.failed') this.#logger.warn(`refused ${messageCount} connection(s), last from ${address}: ${error.message}`, { reason: error.reason });
  }

  #count(outcome: string): void {
    this.#handshakes.set(outcome, (this.#handshakes.get(outcome) ?? 0) + 1);
  }

  #record(action: string, targetServiceId: string | undefined, success: boolean, more: { duration?: number; error?: string; messageCount?: number; metadata: Record<string, unknown> }): void {
    if (!this.#audit.enabled) return;
    this.#audit.record({ eventType: 'connection', ...(targetServiceId === undefined ? {} : { targetServiceId }), details: { action, success, ...more } });
  }
}

const describe = (direction: Direction, address: string, peer: PeerIdentity): Record<string, unknown> => ({ direction, address, peerId: peer.id });
