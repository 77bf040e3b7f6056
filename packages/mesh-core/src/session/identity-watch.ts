import type { ChannelFactory, Clock, ClockTimer, IdentityChange, Logger, MeshError, OwnAuditSink, SessionOwner } from '@lemur-bookstores/mesh-interface';
import { placeOf, retireWithin, type LiveSession } from './live-session.js';

/** All that is still trusted has a new handshake within this time, in ms. */
const RENEWAL_MS = 10_000;

/** So many peers are named in one report. */
const MAX_NAMED = 20;

export interface IdentityWatchParts {
  readonly channels: ChannelFactory;
  readonly clock: Clock;
  readonly audit: OwnAuditSink;
  readonly logger: Logger;
  /** How long the calls in flight with a peer that is not trusted any more may take, and how long it has to come back as one that is, in ms. */
  readonly drainMs: number;
  /** All live sessions. */
  sessions(): readonly LiveSession[];
  readonly owner: Pick<SessionOwner, 'renewSessions'>;
}

/** Sessions whose peers do not verify any more, and the moment of the verdict. */
interface Distrusted {
  readonly failures: ReadonlyMap<LiveSession, MeshError>;
  /** Sessions that there were at that time. */
  readonly before: ReadonlySet<LiveSession>;
  readonly timer: ClockTimer;
}

/**
 * Follows the own identity (PROTOCOL 6.4): on a change of the bundle every live peer's chain is verified again under the bundle of now. Who fails gets no new
 * calls from then on; who has not come back with another chain when the drain is over is audited as revoked (ADR 0014).
 */
export class IdentityWatch {
  readonly #parts: IdentityWatchParts;
  readonly #distrusted = new Set<Distrusted>();
  #recheck: ClockTimer | undefined;
  #end: (() => void) | undefined;

  constructor(parts: IdentityWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#end ??= this.#parts.channels.onIdentityChange((change) => this.#onChange(change));
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
    this.#recheck?.cancel();
    this.judge();
  }

  /** At once, of all that is still to be judged: the sessions are about to end for other reasons. */
  judge(): void {
    for (const distrusted of [...this.#distrusted]) this.#judge(distrusted);
  }

  #onChange(change: IdentityChange): void {
    const { audit, clock, owner } = this.#parts;
    if (change.type === 'refused') {
      audit.record({ eventType: 'system', details: { action: 'identity.refused', success: false, error: change.error.message, metadata: { reason: change.error.reason } } });
      return;
    }
    const { id: peerId, notAfter, trustChanged } = change;
    audit.record({ eventType: 'system', details: { action: 'identity.changed', success: true, metadata: { peerId, notAfter: new Date(notAfter).toISOString() } } });
    // By the same bundle only the date could speak against a peer: live sessions end with their certificates by monotonic time, wherever the wall clock jumped.
    if (!trustChanged) return;
    this.#verify();
    void owner.renewSessions('certificate', RENEWAL_MS);
    // A handshake that was under way verified its peer under the bundle before.
    this.#recheck?.cancel();
    this.#recheck = clock.setTimeout(() => this.#verify(), RENEWAL_MS);
  }

  #verify(): void {
    const { clock, drainMs } = this.#parts;
    const live = this.#parts.sessions();
    const pending = new Set([...this.#distrusted].flatMap(({ failures }) => [...failures.keys()]));
    const failures = new Map(live.filter((session) => !pending.has(session)).flatMap((session) => {
      const failure = session.session.channel.reverify();
      return failure === undefined ? [] : [[session, failure] as const];
    }));
    if (failures.size === 0) return;
    this.#report([...failures.keys()], [...failures.values()][0]);
    const distrusted = { failures, before: new Set(live), timer: clock.setTimeout(() => this.#judge(distrusted), drainMs) };
    this.#distrusted.add(distrusted);
    for (const session of failures.keys()) retireWithin(session, clock, drainMs, 'not_trusted');
  }

  /** Before it hurts: what is to be done can be done within the drain. */
  #report(distrusted: readonly LiveSession[], failure: MeshError | undefined): void {
    const { audit, drainMs, logger } = this.#parts;
    const ids = [...new Set(distrusted.map(({ peer }) => peer.id))];
    const peers = ids.slice(0, MAX_NAMED);
    audit.record({ eventType: 'system', details: { action: 'identity.ca_removed', success: false, ...(failure === undefined ? {} : { error: failure.message }), metadata: { peers, count: ids.length } } });
    const named = `${peers.join(', ')}${ids.length > peers.length ? ` and ${ids.length - peers.length} more` : ''}`;
    const what = `the trust bundle no longer vouches for ${ids.length} connected peer(s): ${named}`;
    logger.warn(`${what}; they get no calls, and ${drainMs} ms to come back with another certificate: put their CA back into the bundle until they have one`, { count: ids.length });
  }

  #judge(distrusted: Distrusted): void {
    if (!this.#distrusted.delete(distrusted)) return;
    distrusted.timer.cancel();
    const returned = new Map<string, number>();
    for (const live of this.#parts.sessions()) {
      if (distrusted.before.has(live) || live.session.state !== 'open' || live.session.channel.reverify() !== undefined) continue;
      returned.set(placeOf(live), (returned.get(placeOf(live)) ?? 0) + 1);
    }
    for (const [live, failure] of distrusted.failures) {
      const place = placeOf(live);
      const left = returned.get(place) ?? 0;
      if (left > 0) returned.set(place, left - 1);
      else this.#revoked(live, failure);
    }
  }

  #revoked(live: LiveSession, failure: MeshError): void {
    const { audit, logger } = this.#parts;
    const { serviceId, id: peerId } = live.peer;
    const direction = live.session.channel.role === 'initiator' ? 'outbound' : 'inbound';
    logger.warn(`${peerId} is not trusted any more: ${failure.message}`, { reason: failure.reason });
    audit.record({
      eventType: 'connection',
      targetServiceId: serviceId,
      details: { action: 'auth.revoked', success: false, error: failure.message, metadata: { direction, address: live.session.remoteAddress, peerId, reason: failure.reason } },
    });
  }
}
