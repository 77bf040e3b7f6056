import { MeshError, type EndpointBreaker, type KeysRotated, type PeerIdentity, type RekeyTrigger, type SpentReason } from '@lemur-bookstores/mesh-interface';
import { FLAG_NOT_RUN, MessageKind } from '../wire/message.js';
import { decodeErrorReply } from '../wire/error-reply.js';
import type { CallOutcomes } from './call-outcomes.js';
import { connectionLost } from './connection-lost.js';
import type { PendingCall } from './pending-call.js';
import type { Session } from './session.js';
import type { RetirementCause, SessionDelegate, SessionEnd } from './session-delegate.js';

/** Ids are 32 bits and never used twice in a session: near their end the session drains and a new one takes over. */
const LAST_ID = 0xffff_fff0;

/** Who needs longer for an answer to a ping, in ms, was out of reach: what failed meanwhile says nothing of how it does. One whose handlers alone hang answers at once. */
const OUT_OF_REACH_MS = 1_000;

/** What became of a call that says neither good nor bad of its endpoint. */
const SAYS_NOTHING = new MeshError('cancelled', 'nobody waits for the answer here', { mayHaveRun: true });
const TIMED_OUT = new MeshError('deadline_exceeded', 'no answer within the time of the call', { mayHaveRun: true });

/** What the owner of an outbound session hears. */
export interface OutboundSessionListener {
  onReady(): void;
  /** Both ends have new keys. */
  onRotated(rotation: KeysRotated): void;
  /** Its keys will not be replaced any more: `onRenew` follows, or `onDraining` where they seal nothing more. */
  onSpent(why: SpentReason, trigger: RekeyTrigger): void;
  /** It was stale and works: calls may be written to it again. */
  onVerified(): void;
  /** No new calls here: dial anew. Calls in flight still end. */
  onDraining(): void;
  /** Another session is to take its place: dial that first. */
  onRenew(cause: RetirementCause): void;
  onEnd(end: SessionEnd): void;
}

/** The dialler's end: requests out, answers matched by id. */
export class OutboundSession implements SessionDelegate {
  /** Of its endpoint, once that has it. */
  outcomes: CallOutcomes | undefined;
  readonly #pending = new Map<number, PendingCall>();
  readonly #listener: OutboundSessionListener;
  readonly #maxCalls: number;
  /** Its endpoint's. Lets a call in where it is written, and hears of it where it leaves `#pending`: so each once. */
  breaker: EndpointBreaker | undefined;
  #session: Session | undefined;
  #nextId: number;
  #draining = false;
  /** Since then there have been calls in flight without a gap; monotonic, in ms. */
  #waitingSince = -Infinity;
  readonly #onDrained: (() => void)[] = [];

  constructor(listener: OutboundSessionListener, maxCalls: number, firstId = 1) {
    this.#listener = listener;
    this.#maxCalls = maxCalls;
    this.#nextId = firstId;
  }

  attach(session: Session): void {
    this.#session = session;
    session.start();
  }

  get session(): Session {
    return this.#session as Session;
  }

  get peer(): PeerIdentity {
    return this.session.peer;
  }

  /** Calls in flight. */
  get outstanding(): number {
    return this.#pending.size;
  }

  /** For how long calls have been waiting here and nothing at all has come, in ms: so slow it is at least. @param now monotonic, in ms */
  silentMs(now: number): number {
    return this.#pending.size === 0 ? 0 : now - Math.max(this.#waitingSince, this.session.lastReceivedAt);
  }

  /** Takes new calls. */
  get isOpen(): boolean {
    return this.#session?.state === 'open' && !this.#draining;
  }

  /**
   * Writes a request.
   * @param timeoutMs what is left of its deadline
   * @param now monotonic, in ms
   * @throws MeshError with `mayHaveRun: false`: nothing was written
   */
  send(call: PendingCall, timeoutMs: number, now = -Infinity): void {
    if (this.#pending.size >= this.#maxCalls) {
      throw new MeshError('too_many_calls', `${this.#maxCalls} calls are in flight on this connection`, { mayHaveRun: false });
    }
    const id = this.#nextId;
    call.id = id;
    if (this.breaker === undefined) this.session.packer.request(call.flags, id, timeoutMs, call.method, call.extras, call.body);
    else this.#sendAdmitted(this.breaker, call, timeoutMs);
    this.#nextId = id + 1;
    if (this.#pending.size === 0) this.#waitingSince = now;
    this.#pending.set(id, call);
    if (id >= LAST_ID) this.#drainSelf();
  }

  #sendAdmitted(breaker: EndpointBreaker, call: PendingCall, timeoutMs: number): void {
    const ticket = breaker.admit();
    if (ticket === 0) throw breaker.refusal();
    try {
      this.session.packer.request(call.flags, call.id, timeoutMs, call.method, call.extras, call.body);
    } catch (error) {
      // The connection's trouble, or a full queue of ours: its end tells of the calls that were written.
      breaker.settle(ticket, SAYS_NOTHING);
      throw error;
    }
    call.ticket = ticket;
  }

  /** @param answered whether it is the endpoint's own answer */
  #settle(call: PendingCall, error: MeshError | undefined, answered: boolean): void {
    this.breaker?.settle(call.ticket, error, answered);
  }

  /**
   * Nobody waits for the answer any more.
   * @param since where the endpoint had all the time of the call: when that began. Monotonic, in ms
   * @returns whether the request was provably never written
   */
  abandon(call: PendingCall, since?: number): boolean {
    if (!this.#pending.delete(call.id)) return false;
    this.#settle(call, since === undefined ? SAYS_NOTHING : TIMED_OUT, false);
    if (this.session.state === 'closed') return false;
    if (since !== undefined) this.session.suspect(since);
    const { packer } = this.session;
    const takenBack = packer.takeBack(call.id);
    if (!takenBack) packer.cancel(call.id);
    this.#closeWhenDrained();
    return takenBack;
  }

  /** No new calls; closes once the last answer is in, and then calls `done`. */
  drain(done: () => void): void {
    this.#draining = true;
    this.#onDrained.push(done);
    this.#closeWhenDrained();
  }

  /** Asks its owner for a session that takes its place, while this one goes on serving (PROTOCOL 3.9). */
  renew(cause: RetirementCause): void {
    if (this.isOpen) this.#listener.onRenew(cause);
  }

  /** Takes no new calls, and its owner dials anew; closes once the last answer is in, and then calls `done`. */
  retire(done: () => void): void {
    this.#drainSelf();
    this.drain(done);
  }

  onMessage(kind: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const call = this.#pending.get(id);
    // An answer that crossed its cancellation.
    if (call === undefined) return;
    this.#pending.delete(id);
    if (kind === MessageKind.response) this.#settle(call, call.onResponse(flags, buffer, start, end), true);
    else {
      const error = decodeErrorReply(buffer.toString('utf8', start, end), (flags & FLAG_NOT_RUN) !== 0);
      // First: what is tried again finds the breaker as it is after this.
      this.#settle(call, error, true);
      call.onFailure(error);
    }
    if (this.#draining) this.#closeWhenDrained();
  }

  onTooLarge(kind: number, id: number, bytes: number): void {
    const call = this.#pending.get(id);
    if (call === undefined) return;
    if (kind !== MessageKind.response && kind !== MessageKind.error) throw new MeshError('protocol_violation', `a fragmented message of kind ${kind}`);
    this.#pending.delete(id);
    const error = new MeshError('body_too_large', `the answer has ${bytes} bytes, more than is accepted here`, { mayHaveRun: true, retryable: false });
    this.#settle(call, error, true);
    call.onFailure(error);
    if (this.#draining) this.#closeWhenDrained();
  }

  onReady(): void {
    this.#listener.onReady();
  }

  onRotated(rotation: KeysRotated): void {
    this.#listener.onRotated(rotation);
  }

  /** Another session takes its place before it takes no more calls: its keys are good until their hard limit (PROTOCOL 3.8). */
  onSpent(why: SpentReason, trigger: RekeyTrigger): void {
    this.#listener.onSpent(why, trigger);
    // What it cannot seal any more it must not be given.
    if (this.session.channel.rekeying?.holds === true) this.retire(() => {});
    else this.renew('key_rotation');
  }

  onVerified(silentMs: number): void {
    if (silentMs >= OUT_OF_REACH_MS) this.breaker?.reachable();
    this.#listener.onVerified();
  }

  onWritten(): void {
    this.#closeWhenDrained();
  }

  onGoAway(lastProcessedId: number): void {
    this.#draining = true;
    this.#listener.onDraining();
    for (const [id, call] of this.#pending) {
      if (id <= lastProcessedId) continue;
      this.#pending.delete(id);
      this.session.packer.takeBack(id);
      this.#settle(call, SAYS_NOTHING, false);
      call.onNotProcessed();
    }
    this.#closeWhenDrained();
  }

  onEnd(end: SessionEnd, unwritten: ReadonlySet<number>): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    const error = connectionLost(end);
    if (this.breaker !== undefined) {
      // One connection is one failure, however many calls it takes along: else each restart of a busy peer would open its breaker. The last one, as that may be a probe.
      const last = end.type === 'closed' && end.by === 'us' ? undefined : waiting.findLast(({ id }) => !unwritten.has(id));
      for (const call of waiting) this.#settle(call, call === last ? error : SAYS_NOTHING, false);
    }
    this.#listener.onEnd(end);
    for (const call of waiting) {
      // What waited for a slow reader, or for keys that did not come, may go elsewhere.
      if (unwritten.has(call.id)) call.onNotProcessed();
      else call.onFailure(error);
    }
    for (const done of this.#onDrained.splice(0)) done();
  }

  #drainSelf(): void {
    this.#draining = true;
    this.session.drain();
    this.#listener.onDraining();
  }

  #closeWhenDrained(): void {
    if (this.#draining && this.#pending.size === 0 && this.session.packer.idle) this.session.close();
  }
}
