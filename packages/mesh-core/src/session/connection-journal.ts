import type { AuditActionOf, Clock, KeysRotated, Logger, MeshError, OwnAuditEvent, OwnAuditSink, PeerIdentity, RekeyTrigger, SpentReason } from '@lemur-bookstores/mesh-interface';
import { HeldEvents, isFailClosed } from './audit-hold.js';
import { KeyJournal } from './key-journal.js';
import { RepeatedFailures, type ConnectionFailure } from './repeated-failures.js';
import type { Session } from './session.js';
import type { SessionEnd } from './session-delegate.js';

export type Direction = 'inbound' | 'outbound';

/** Strangers can cause refusals at will: after the first of each reason, they are counted and said once in this time, in ms. */
const REFUSAL_WINDOW_MS = 1_000;

/** A peer that is gone or not trusted is dialled for ever: after the first failure of each service and reason, likewise, in ms. */
const DIAL_FAILURE_WINDOW_MS = 60_000;

/** Counts what happens to connections, and writes it to the audit trail. */
export class ConnectionJournal {
  readonly #audit: OwnAuditSink;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #refusals: RepeatedFailures;
  readonly #dialFailures: RepeatedFailures;
  readonly #failClosed: boolean;
  readonly #keys: KeyJournal;
  readonly #handshakes = new Map<string, number>();
  readonly #rekeys = new Map<RekeyTrigger, number>();
  successful = 0;
  failed = 0;
  /** Sessions whose keys could not be changed any more. */
  rekeysFailed = 0;
  /** Changes of keys of sessions that have ended. */
  endedRekeys = 0;
  /** Bytes of sessions that have ended. */
  endedBytes = { sent: 0, received: 0 };

  constructor(audit: OwnAuditSink, logger: Logger, clock: Clock) {
    this.#audit = audit;
    this.#logger = logger;
    this.#clock = clock;
    this.#failClosed = isFailClosed(audit, 'connection');
    this.#keys = new KeyJournal(audit, clock);
    this.#refusals = new RepeatedFailures(clock, REFUSAL_WINDOW_MS, (failure, count) => this.#refusal(failure, count));
    this.#dialFailures = new RepeatedFailures(clock, DIAL_FAILURE_WINDOW_MS, (failure, count) => this.#dialFailure(failure, count));
  }

  /** Handshakes by outcome: `ok`, or a reason. */
  get handshakes(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#handshakes);
  }

  /** Changes of keys that both ends have completed, by what brought them about. */
  get rekeysByTrigger(): Readonly<Partial<Record<RekeyTrigger, number>>> {
    return Object.fromEntries(this.#rekeys);
  }

  /**
   * A peer is proven, and its session about to begin.
   * @param durationMs from accept or dial to now
   * @returns where `connection` or `key_rotation` events are `fail-closed`: what its session must wait for
   */
  proven(direction: Direction, peer: ProvenPeer, durationMs: number): HeldEvents | undefined {
    if (!this.#audit.enabled) return undefined;
    return HeldEvents.of({ 'auth.succeeded': this.#authenticated(direction, peer, durationMs), 'key.activated': this.#keys.activated(peer.channel) });
  }

  #authenticated(direction: Direction, peer: ProvenPeer, durationMs: number): Promise<void> | undefined {
    const event: OwnAuditEvent = {
      eventType: 'connection',
      targetServiceId: peer.channel.peer.serviceId,
      details: { action: 'auth.succeeded', success: true, duration: durationMs, metadata: describeProven(direction, peer) },
    };
    if (this.#failClosed) return this.#audit.log(event);
    this.#audit.record(event);
    return undefined;
  }

  /** Its session stands. @param dialledAs the service that was dialled; its certificate may name it otherwise */
  opened(direction: Direction, session: Session, dialledAs?: string): void {
    this.successful++;
    this.#count('ok');
    if (dialledAs !== undefined) this.#dialFailures.recovered(dialledAs);
    this.#record('connection.open', session.peer.serviceId, true, { metadata: describeProven(direction, session) });
  }

  /** A dial that came to nothing. Each is counted; what repeats is said once a minute. */
  dialFailed(serviceId: string, address: string, error: MeshError, durationMs: number): void {
    this.failed++;
    this.#count(error.reason);
    this.#dialFailures.note({ serviceId, address, error, durationMs });
  }

  /** Somebody who dialled us did not get in. Each is counted; what repeats is said once a second. */
  refused(address: string, error: MeshError): void {
    this.failed++;
    this.#count(error.reason);
    this.#refusals.note({ serviceId: undefined, address, error, durationMs: undefined });
  }

  /** It was proven, and its session did not begin: its channel is destroyed. */
  unopened(channel: Session['channel']): void {
    this.#keys.retired(channel);
  }

  /** A session has new keys at both ends. It ends where `key_rotation` events are `fail-closed` and this one is not held in time. */
  rotated(session: Session, rotation: KeysRotated): void {
    this.#rekeys.set(rotation.trigger, (this.#rekeys.get(rotation.trigger) ?? 0) + 1);
    this.#keys.rotated(session.channel, rotation, (error) => session.fail(error));
  }

  /** The keys of a session will not be replaced any more. */
  spent(session: Session, why: SpentReason, trigger: RekeyTrigger): void {
    this.rekeysFailed++;
    this.#logger.warn(`the keys of the session with ${session.peer.serviceId} cannot be changed any more (${why}): it is replaced`);
    this.#keys.failed(session.channel, why, trigger);
  }

  ended(direction: Direction, session: Session, end: SessionEnd): void {
    this.#keys.retired(session.channel, session.retiredFor);
    this.endedRekeys += session.channel.epoch;
    this.endedBytes.sent += session.packer.sentBytes;
    this.endedBytes.received += session.receivedBytes;
    const { serviceId } = session.peer;
    const metadata = describe(direction, session.remoteAddress, session.peer);
    const duration = this.#clock.monotonic() - session.openedAt;
    switch (end.type) {
      case 'closed':
        return this.#record('connection.close', serviceId, true, { duration, metadata: { ...metadata, by: end.by, cause: session.retiredFor ?? 'ordinary' } });
      case 'truncated':
        return this.#record('connection.truncated', serviceId, false, { duration, error: end.error.message, metadata });
      case 'failed':
        this.#logger.warn(`connection with ${serviceId} ended: ${end.error.message}`, { reason: end.error.reason });
        this.#audit.record({ eventType: 'error', targetServiceId: serviceId, details: { action: 'session.failed', success: false, duration, error: end.error.message, metadata: { ...metadata, reason: end.error.reason } } });
    }
  }

  /** Says what was counted since the first failure of each kind. */
  flush(): void {
    this.#refusals.flush();
    this.#dialFailures.flush();
  }

  #dialFailure({ serviceId, address, error, durationMs }: ConnectionFailure, count: number): void {
    const authentication = error.code === 'UNAUTHENTICATED';
    const times = count === 1 ? '' : ` (${count} times more)`;
    if (authentication) this.#logger.warn(`${serviceId} at ${address} is not who it should be${times}: ${error.message}`, { reason: error.reason });
    this.#record(authentication ? 'auth.failed' : 'connection.failed', serviceId, false, {
      ...(durationMs === undefined ? {} : { duration: durationMs }),
      messageCount: count,
      error: error.message,
      metadata: { direction: 'outbound', address, reason: error.reason },
    });
  }

  #refusal({ address, error }: ConnectionFailure, messageCount: number): void {
    const action = error.code === 'UNAUTHENTICATED' ? 'auth.failed' : 'connection.refused';
    this.#record(action, undefined, false, { messageCount, error: error.message, metadata: { direction: 'inbound', address, reason: error.reason } });
    if (action === 'auth.failed') this.#logger.warn(`refused ${messageCount} connection(s), last from ${address}: ${error.message}`, { reason: error.reason });
  }

  #count(outcome: string): void {
    this.#handshakes.set(outcome, (this.#handshakes.get(outcome) ?? 0) + 1);
  }

  #record(action: AuditActionOf<'connection'>, targetServiceId: string | undefined, success: boolean, more: { duration?: number; error?: string; messageCount?: number; metadata: Record<string, unknown> }): void {
    if (!this.#audit.enabled) return;
    this.#audit.record({ eventType: 'connection', ...(targetServiceId === undefined ? {} : { targetServiceId }), details: { action, success, ...more } });
  }
}

/** Whom a handshake proved, and where it is. */
export type ProvenPeer = Pick<Session, 'channel' | 'remoteAddress'>;

const describeProven = (direction: Direction, { channel, remoteAddress }: ProvenPeer): Record<string, unknown> => ({ ...describe(direction, remoteAddress, channel.peer), suite: channel.suite });

const describe = (direction: Direction, address: string, peer: PeerIdentity): Record<string, unknown> => ({ direction, address, peerId: peer.id });
