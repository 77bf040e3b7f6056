import { CHANNEL_RECORD_FLAG, MeshError, type Clock, type Connection, type PeerIdentity, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { HEADER_BYTES, isWellFormed, MessageKind, RecordFlag } from '../wire/message.js';
import { Packer } from '../wire/packer.js';
import { Reassembly } from '../wire/reassembly.js';
import { KeepAlive } from './keep-alive.js';
import type { RetirementCause, SessionDelegate, SessionEnd, SessionState } from './session-delegate.js';
import type { SessionLimits } from './session-limits.js';

/** Silence for less than this, in ms, says nothing of a connection: an answer may still be on its way. */
const SUSPICIOUS_MS = 100;

/** One authenticated connection: opens records, splits them into messages, keeps the connection alive, ends it properly. */
export class Session {
  readonly channel: SecureChannel;
  readonly peer: PeerIdentity;
  readonly packer: Packer;
  readonly openedAt: number;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #reassembly: Reassembly;
  readonly #keepAlive: KeepAlive;
  readonly #delegate: SessionDelegate;
  readonly #limits: SessionLimits;
  #state: SessionState;
  /** When it was asked for a sign of life that has not come yet; monotonic, in ms. */
  #askedAt: number | undefined;
  /** Why it ends, where this end brought that about. */
  retiredFor: RetirementCause | undefined;
  lastReceivedAt: number;
  receivedBytes = 0;

  constructor(connection: Connection, channel: SecureChannel, clock: Clock, limits: SessionLimits, delegate: SessionDelegate) {
    this.channel = channel;
    this.peer = channel.peer;
    this.#connection = connection;
    this.#clock = clock;
    this.#limits = limits;
    this.#delegate = delegate;
    this.#state = channel.role === 'initiator' ? 'opening' : 'open';
    this.openedAt = this.lastReceivedAt = clock.monotonic();
    this.packer = new Packer(channel, connection, limits.maxQueuedBytes, (error) => this.fail(MeshError.from(error)));
    this.#reassembly = new Reassembly(limits.maxMessageBytes, limits.maxReassemblyBytes);
    const subject = { lastReceivedAt: () => this.lastReceivedAt, sendPing: () => this.packer.control(MessageKind.ping, 0), onDead: () => this.#onDead() };
    this.#keepAlive = new KeepAlive(clock, subject, limits.idlePingMs, limits.deadAfterMs);
  }

  get state(): SessionState {
    return this.#state;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  /** Takes over the connection; the acceptor says welcome. */
  start(): void {
    this.#connection.authenticated();
    this.#connection.onMessage = (record) => this.#onRecord(record);
    this.#connection.onEnd = ({ error }) => this.#onConnectionEnd(error);
    this.#connection.onDrain = () => this.#onWritable();
    this.#startRekeying();
    if (this.channel.role === 'responder') this.packer.control(MessageKind.welcome, 0);
    this.#keepAlive.start();
  }

  /** From here on the keys are held to their cryptoperiod (PROTOCOL 3.10). */
  #startRekeying(): void {
    this.channel.rekeying?.start({
      send: (record) => this.packer.raw(record),
      onRotated: (rotation) => this.#delegate.onRotated(rotation),
      onResume: () => this.#onWritable(),
      onSpent: (why, trigger) => this.#delegate.onSpent(why, trigger),
      onFailed: (error) => this.fail(error),
    });
  }

  #onWritable(): void {
    this.packer.resume();
    this.#delegate.onWritten();
  }

  /** A message has come in part. */
  get isReceiving(): boolean {
    return this.#reassembly.reservedBytes > 0;
  }

  /** It has been asked and has not answered yet; or nothing has come for longer than the keep-alive allows: its timer was held up, and so was this process. */
  isStale(now: number): boolean {
    return this.#askedAt !== undefined || now - this.lastReceivedAt > this.#limits.idlePingMs + this.#limits.deadAfterMs;
  }

  /** Pings at once: the answer, or its absence, shows within `deadAfterMs` whether the connection still works. */
  verify(): void {
    this.#askedAt ??= this.#clock.monotonic();
    this.#keepAlive.verify();
  }

  /** Tells the peer that no request after `lastProcessedId` is taken up. */
  goAway(lastProcessedId: number): void {
    if (this.#state !== 'open') return;
    this.drain();
    this.packer.control(MessageKind.goAway, lastProcessedId);
  }

  /** Nothing new is taken up here: no rekey begins either, unless a hard limit is near (PROTOCOL 3.8). */
  drain(): void {
    if (this.#state === 'open') this.#state = 'draining';
    this.channel.rekeying?.drain();
  }

  /** Ends it properly: CLOSE, then the connection. What was written before goes out first. */
  close(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    try {
      this.packer.control(MessageKind.close, 0);
      this.packer.flush();
    } catch {
      // The channel is used up: the peer will see a truncation, which is what it is.
    }
    this.#end({ type: 'closed', by: 'us' });
    this.#connection.close();
  }

  /** Ends it at once because of an error; the peer sees nothing but the end (PROTOCOL 2.4). */
  fail(error: MeshError): void {
    if (this.#state === 'closed') return;
    this.#end({ type: 'failed', error });
    this.#connection.terminate();
  }

  /** A call that was written at `since` was not answered in its time. Not one record in all of that: slow, or cut off. It is asked, and takes no calls until it answers. */
  suspect(since: number): void {
    if (this.lastReceivedAt < since && this.#clock.monotonic() - since >= SUSPICIOUS_MS) this.verify();
  }

  #onRecord(record: Buffer): void {
    if (this.#state === 'closed') return;
    this.lastReceivedAt = this.#clock.monotonic();
    this.receivedBytes += record.length;
    try {
      const flags = (record[0] ?? 0) & 0xf0;
      const { rekeying } = this.channel;
      if (rekeying !== undefined && (flags & CHANNEL_RECORD_FLAG) !== 0) rekeying.receive(record);
      else this.#onData(flags, this.channel.open(record));
      if (this.#askedAt !== undefined) {
        const silentMs = this.lastReceivedAt - this.#askedAt;
        this.#askedAt = undefined;
        this.#delegate.onVerified(silentMs);
      }
    } catch (error) {
      this.fail(MeshError.from(error, 'protocol_violation'));
    }
  }

  #onData(flags: number, plaintext: Buffer): void {
    if (flags === 0) this.#onMessages(plaintext);
    else if ((flags & RecordFlag.fragment) !== 0 && (flags & CHANNEL_RECORD_FLAG) === 0) this.#onFragment(flags, plaintext);
    else throw new MeshError('protocol_violation', 'a record with unknown flags');
  }

  #onMessages(plaintext: Buffer): void {
    const length = plaintext.length;
    let at = 0;
    if (length === 0) throw new MeshError('protocol_violation', 'an empty record');
    // What follows a CLOSE is nobody's business any more.
    while (at < length && this.#state !== 'closed') {
      if (at + HEADER_BYTES > length) throw new MeshError('protocol_violation', 'a message whose header does not fit');
      const start = at + HEADER_BYTES;
      const end = start + plaintext.readUInt32BE(at + 6);
      if (end > length) throw new MeshError('protocol_violation', 'a message that does not fit its record');
      const kind = plaintext[at] as number;
      const id = plaintext.readUInt32BE(at + 2);
      if (end - at > this.#limits.maxMessageBytes) this.#delegate.onTooLarge(kind, id, end - at);
      else this.#onMessage(kind, plaintext[at + 1] as number, id, plaintext, start, end);
      at = end;
    }
  }

  #onFragment(flags: number, plaintext: Buffer): void {
    const outcome = this.#reassembly.add(flags, plaintext);
    if (outcome.type === 'more') return;
    if (outcome.type === 'too-large') {
      const { header } = outcome;
      return this.#delegate.onTooLarge(header[0] as number, header.readUInt32BE(2), outcome.total);
    }
    const { message } = outcome;
    if (message.readUInt32BE(6) !== message.length - HEADER_BYTES) throw new MeshError('protocol_violation', 'a fragmented message of another length than its header says');
    this.#onMessages(message);
  }

  #onMessage(kind: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const dialler = this.channel.role === 'initiator';
    if (!isWellFormed(kind, flags, end - start)) throw new MeshError('protocol_violation', `a malformed message of kind ${kind}`);
    switch (kind) {
      case MessageKind.request:
      case MessageKind.cancel:
        if (dialler) break;
        return this.#delegate.onMessage(kind, flags, id, buffer, start, end);
      case MessageKind.response:
      case MessageKind.error:
        if (!dialler || this.#state === 'opening') break;
        return this.#delegate.onMessage(kind, flags, id, buffer, start, end);
      case MessageKind.ping:
        // A peer that asks but does not read gets no answer: its pongs would pile up here.
        if (this.#connection.bufferedBytes < this.#limits.maxQueuedBytes) this.packer.control(MessageKind.pong, id);
        return;
      case MessageKind.pong:
        return;
      case MessageKind.welcome:
        if (this.#state !== 'opening') break;
        this.#state = 'open';
        return this.#delegate.onReady();
      case MessageKind.goAway:
        if (this.#state === 'opening') break;
        if (this.#state === 'open') this.drain();
        return this.#delegate.onGoAway(id);
      case MessageKind.close:
        this.#end({ type: 'closed', by: 'peer' });
        return this.#connection.close();
    }
    throw new MeshError('protocol_violation', `an unexpected message of kind ${kind}`);
  }

  #onDead(): void {
    this.fail(new MeshError('keepalive_timeout', `no answer to a ping within ${this.#limits.deadAfterMs} ms`));
  }

  #onConnectionEnd(cause: Error | undefined): void {
    const error = new MeshError('connection_truncated', 'the connection ended without an authenticated CLOSE', cause === undefined ? {} : { cause });
    this.#end({ type: 'truncated', error });
  }

  #end(end: SessionEnd): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#keepAlive.stop();
    const unwritten = this.packer.close();
    this.#reassembly.clear();
    this.channel.destroy();
    this.#delegate.onEnd(end, unwritten);
  }
}
