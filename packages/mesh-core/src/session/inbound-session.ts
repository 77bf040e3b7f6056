import { MeshError, type KeysRotated, type PeerIdentity, type RekeyTrigger, type SpentReason } from '@lemur-bookstores/mesh-interface';
import { FLAG_NOT_RUN, MessageKind } from '../wire/message.js';
import { encodeErrorReply } from '../wire/error-reply.js';
import type { WheelEntry } from './deadline-wheel.js';
import type { Session } from './session.js';
import type { SessionDelegate, SessionEnd } from './session-delegate.js';

/** A request that is being handled. */
export interface InboundRequest extends WheelEntry {
  /** The caller no longer waits: whatever the handler still gives is dropped. */
  cancel(reason: MeshError): void;
}

/** What takes requests up. */
export interface RequestReceiver {
  onRequest(session: InboundSession, flags: number, id: number, buffer: Buffer, start: number, end: number): void;
  /** A request was answered with an error without being read. */
  onRefused(session: InboundSession, error: MeshError): void;
}

/** What the owner of an inbound session hears. */
export interface InboundSessionListener {
  /** Both ends have new keys. */
  onRotated(session: InboundSession, rotation: KeysRotated): void;
  /** Its keys will not be replaced any more: it drains. */
  onSpent(session: InboundSession, why: SpentReason, trigger: RekeyTrigger): void;
  onEnd(session: InboundSession, end: SessionEnd): void;
}

/** The acceptor's end: requests in, each answered at most once. */
export class InboundSession implements SessionDelegate {
  readonly calls = new Map<number, InboundRequest>();
  readonly #receiver: RequestReceiver;
  readonly #maxCalls: number;
  readonly #listener: InboundSessionListener;
  #session: Session | undefined;
  #lastId = 0;
  #draining = false;
  readonly #onDrained: (() => void)[] = [];

  constructor(receiver: RequestReceiver, maxCalls: number, listener: InboundSessionListener) {
    this.#receiver = receiver;
    this.#maxCalls = maxCalls;
    this.#listener = listener;
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

  /** Answers; at most once for each id, and not at all once the call was cancelled. */
  reply(kind: number, flags: number, id: number, body: string | Uint8Array | undefined): void {
    this.calls.delete(id);
    if (this.session.state === 'closed') return;
    try {
      this.session.packer.message(kind, flags, id, body);
    } catch (error) {
      // The peer asks but does not read: what it is owed can be kept no longer.
      this.session.fail(MeshError.from(error));
    }
    this.#closeWhenDrained();
  }

  /** Leaves a request without an answer: nobody waits for it. */
  forget(id: number): void {
    this.calls.delete(id);
    this.#closeWhenDrained();
  }

  /** Answers with an error. @param notRun whether the handler provably did not run */
  replyError(id: number, error: unknown, notRun: boolean): void {
    this.reply(MessageKind.error, notRun ? FLAG_NOT_RUN : 0, id, encodeErrorReply(error));
  }

  /** Takes up nothing new; `done` is called when the last answer is out and the session closed. */
  drain(done: () => void): void {
    if (this.session.state === 'closed') return done();
    this.#draining = true;
    this.#onDrained.push(done);
    this.session.goAway(this.#lastId);
    this.#closeWhenDrained();
  }

  /** The same, for one session alone. */
  retire(done: () => void): void {
    this.drain(done);
  }

  onMessage(kind: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (kind === MessageKind.cancel) {
      const call = this.calls.get(id);
      this.calls.delete(id);
      call?.cancel(new MeshError('cancelled', 'the caller cancelled the call'));
      return this.#closeWhenDrained();
    }
    if (!this.#take(id)) return this.#closeWhenDrained();
    if (this.calls.size >= this.#maxCalls) {
      return this.#refuse(id, new MeshError('too_many_calls', `${this.#maxCalls} calls are in flight on this connection`));
    }
    this.#receiver.onRequest(this, flags, id, buffer, start, end);
  }

  onTooLarge(kind: number, id: number, bytes: number): void {
    if (kind !== MessageKind.request) throw new MeshError('protocol_violation', `a fragmented message of kind ${kind}`);
    if (this.#take(id)) this.#refuse(id, new MeshError('body_too_large', `the request has ${bytes} bytes, more than is accepted here`, { retryable: false }));
  }

  onReady(): void {}

  onRotated(rotation: KeysRotated): void {
    this.#listener.onRotated(this, rotation);
  }

  /** The peer is told to dial anew. */
  onSpent(why: SpentReason, trigger: RekeyTrigger): void {
    this.#listener.onSpent(this, why, trigger);
    this.retire(() => {});
  }

  onVerified(): void {}

  onWritten(): void {
    this.#closeWhenDrained();
  }

  onGoAway(): void {}

  onEnd(end: SessionEnd): void {
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const call of calls) call.cancel(new MeshError('connection_lost', "the caller's connection ended"));
    this.#listener.onEnd(this, end);
    for (const done of this.#onDrained.splice(0)) done();
  }

  #refuse(id: number, error: MeshError): void {
    this.#receiver.onRefused(this, error);
    this.replyError(id, error, true);
  }

  /**
   * Notes an id as taken up. Ids are never used twice, but a large request comes whole only after later small ones, so they do not
   * come in order; only an id that is in flight is refused. After GOAWAY nothing later is taken up: the caller knows.
   */
  #take(id: number): boolean {
    if (this.calls.has(id)) throw new MeshError('protocol_violation', 'a request id that is in use');
    if (this.#draining || this.session.state !== 'open') return id <= this.#lastId;
    if (id > this.#lastId) this.#lastId = id;
    return true;
  }

  #closeWhenDrained(): void {
    const { session } = this;
    // What has come in part may be a request that GOAWAY counted as taken up.
    if (this.#draining && this.calls.size === 0 && session.packer.idle && !session.isReceiving) session.close();
  }
}
