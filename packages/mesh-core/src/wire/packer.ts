import { MeshError, type Connection, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { HEADER_BYTES, MAX_RECORD_MESSAGES, MessageKind, RECORD_OVERHEAD_BYTES, writeHeader } from './message.js';
import { OutgoingMessage } from './outgoing-message.js';
import { recordPool } from './record-pool.js';
import { SendQueue } from './send-queue.js';

/** Texts up to this many characters are encoded straight into the record under construction. */
const INLINE_CHARACTERS = 8 * 1024;
const SCRATCH_BYTES = 64 * 1024;
/** Above this, data waits here instead of in the socket's buffer, where nothing could overtake it. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024;

/** Buffers between two records of any session; one is held only from a turn's first message to its flush, so idle sessions have none. */
const scratchPool: Buffer[] = [];

/**
 * Puts the messages that one turn of the event loop queues into as few records as possible: one AEAD and one write for up to 16
 * (PROTOCOL 2.3). Control messages overtake data that waits for a slow reader.
 */
export class Packer {
  readonly #channel: SecureChannel;
  readonly #connection: Connection;
  readonly #maxQueuedBytes: number;
  readonly #onFailure: (error: unknown) => void;
  #scratch: Buffer | undefined;
  #used = 0;
  #count = 0;
  #flushIsScheduled = false;
  #closed = false;
  readonly #queue = new SendQueue();
  #nextFragmentId = 1;
  /** Bytes of all records written. */
  sentBytes = 0;

  /** @param maxQueuedBytes cap of what waits for a slow reader, in bytes. @param onFailure the channel seals no more: end the session */
  constructor(channel: SecureChannel, connection: Connection, maxQueuedBytes: number, onFailure: (error: unknown) => void) {
    this.#channel = channel;
    this.#connection = connection;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#onFailure = onFailure;
  }

  /** @throws MeshError `send_queue_full`, `session_closed`: nothing was written */
  request(flags: number, id: number, timeoutMs: number, method: Buffer, extras: Buffer | undefined, body: string | Uint8Array | undefined): void {
    const headBytes = 4 + method.length + (extras?.length ?? 0);
    if (this.#fitsInline(body)) {
      const scratch = this.#reserve(headBytes, body);
      const start = this.#used;
      let at = start + HEADER_BYTES;
      at = scratch.writeUInt32BE(timeoutMs, at);
      at += method.copy(scratch, at);
      if (extras !== undefined) at += extras.copy(scratch, at);
      this.#finishInline(scratch, start, at, MessageKind.request, flags, id, body);
      return;
    }
    const head = Buffer.allocUnsafe(HEADER_BYTES + headBytes);
    head.writeUInt32BE(timeoutMs, HEADER_BYTES);
    method.copy(head, HEADER_BYTES + 4);
    extras?.copy(head, HEADER_BYTES + 4 + method.length);
    this.#large(MessageKind.request, flags, id, head, body);
  }

  /** A response, an error or a control message with a body. @throws like {@link request} */
  message(kind: number, flags: number, id: number, body: string | Uint8Array | undefined): void {
    if (this.#fitsInline(body)) {
      const scratch = this.#reserve(0, body);
      this.#finishInline(scratch, this.#used, this.#used + HEADER_BYTES, kind, flags, id, body);
      return;
    }
    this.#large(kind, flags, id, Buffer.allocUnsafe(HEADER_BYTES), body);
  }

  /** A control message: goes before queued data and does not wait for a slow reader. */
  control(kind: number, id: number): void {
    if (this.#closed) return;
    try {
      // Nothing may be sealed: it waits with the data.
      if (this.#holds) return this.#large(kind, 0, id, Buffer.allocUnsafe(HEADER_BYTES), undefined);
      const scratch = this.#reserve(0, undefined);
      this.#finishInline(scratch, this.#used, this.#used + HEADER_BYTES, kind, 0, id, undefined);
    } catch {
      // The owner knows (#write). Whoever sends control messages is a timer or an event: nobody there could catch it.
    }
  }

  /**
   * Takes back a message that still waits whole.
   * @returns whether it was there: then it has provably not been written
   */
  takeBack(id: number): boolean {
    return this.#queue.takeBack(id);
  }

  /** Cancels a request at the peer: behind the request's own fragments where those are still on their way. */
  cancel(id: number): void {
    const begun = this.#queue.begun(id);
    if (begun === undefined) this.control(MessageKind.cancel, id);
    else begun.cancelled = true;
  }

  /** Seals and writes what this turn has gathered. @throws MeshError `session_closed` where that cannot be sealed */
  flush(): void {
    if (this.#count === 0 || this.#scratch === undefined || this.#holds) return;
    const scratch = this.#scratch;
    const plaintext = scratch.subarray(0, this.#used);
    this.#scratch = undefined;
    this.#used = 0;
    this.#count = 0;
    try {
      this.#write(0, [plaintext]);
    } finally {
      if (scratchPool.length < 16) scratchPool.push(scratch);
    }
  }

  /** The connection takes more: writes what waited. */
  resume(): void {
    if (this.#closed) return;
    try {
      this.flush();
      while (!this.#queue.isEmpty && !this.#blocked) this.#writeNext();
    } catch {
      // The owner knows (#write).
    }
  }

  /** Nothing waits for a slow reader or for new keys; what this turn has gathered goes out before anything else. */
  get idle(): boolean {
    return this.#queue.isEmpty && !this.#holds;
  }

  /** Drops what waits. @returns ids of the requests among it that have provably not been written */
  close(): ReadonlySet<number> {
    const unwritten = this.#queue.unwritten();
    this.#closed = true;
    this.#queue.clear();
    this.#scratch = undefined;
    this.#count = 0;
    return unwritten;
  }

  #fitsInline(body: string | Uint8Array | undefined): boolean {
    if (this.#closed) throw new MeshError('session_closed', 'the session is closed', { mayHaveRun: false });
    return (body === undefined || body.length <= INLINE_CHARACTERS) && this.#queue.isEmpty && !this.#blocked;
  }

  /** The keys are past their limit: nothing can be sealed before `resume` (PROTOCOL 3.10). */
  get #holds(): boolean {
    return this.#channel.rekeying?.holds === true;
  }

  get #blocked(): boolean {
    return this.#connection.bufferedBytes >= HIGH_WATER_BYTES || this.#holds;
  }

  /** Makes room for one message; UTF-8 takes up to 3 bytes a UTF-16 unit. */
  #reserve(headBytes: number, body: string | Uint8Array | undefined): Buffer {
    const bodyBytes = body === undefined ? 0 : typeof body === 'string' ? body.length * 3 : body.length;
    if (this.#used + HEADER_BYTES + headBytes + bodyBytes > SCRATCH_BYTES) this.flush();
    this.#scratch ??= scratchPool.pop() ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return this.#scratch;
  }

  #finishInline(scratch: Buffer, start: number, bodyAt: number, kind: number, flags: number, id: number, body: string | Uint8Array | undefined): void {
    let end = bodyAt;
    if (typeof body === 'string') end += scratch.write(body, bodyAt, 'utf8');
    else if (body !== undefined) {
      scratch.set(body, bodyAt);
      end += body.length;
    }
    writeHeader(scratch, start, kind, flags, id, end - start - HEADER_BYTES);
    this.#used = end;
    if (++this.#count === MAX_RECORD_MESSAGES) this.flush();
    else if (!this.#flushIsScheduled) {
      this.#flushIsScheduled = true;
      process.nextTick(this.#onTick);
    }
  }

  readonly #onTick = (): void => {
    this.#flushIsScheduled = false;
    try {
      this.flush();
    } catch {
      // The owner knows (#write).
    }
  };

  #large(kind: number, flags: number, id: number, head: Buffer, body: string | Uint8Array | undefined): void {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    // By its id only a request is taken back: that of a pong is the peer's choice.
    const message = new OutgoingMessage(kind === MessageKind.request ? id : 0, head, bytes, this.#nextFragmentId);
    writeHeader(head, 0, kind, flags, id, message.bytes - HEADER_BYTES);
    const blocked = !this.#queue.isEmpty || this.#blocked;
    if (blocked && this.#queue.bytes + message.bytes > this.#maxQueuedBytes) {
      throw new MeshError('send_queue_full', `${this.#queue.bytes} bytes already wait for the peer to read`, { mayHaveRun: false });
    }
    this.#nextFragmentId = (this.#nextFragmentId + 1) >>> 0;
    if (!blocked) {
      // Every record may be the last one that the key, or the socket, takes.
      this.flush();
      while (!message.done && !this.#blocked) this.#writePiece(message);
      if (message.done) return;
    }
    // Text was encoded here; bytes are the caller's, who may change them once the call has returned.
    this.#queue.add(body instanceof Uint8Array ? message.own() : message);
  }

  #writeNext(): void {
    this.flush();
    if (this.#holds) return;
    const { flags, parts, ended } = this.#queue.next();
    this.#write(flags, parts);
    if (ended?.cancelled === true) this.control(MessageKind.cancel, ended.id);
  }

  #writePiece(message: OutgoingMessage): void {
    const { flags, parts } = message.next();
    this.#write(flags, parts);
  }

  /** A record that the channel sealed itself. */
  raw(record: Buffer): void {
    if (this.#closed) return;
    this.sentBytes += record.length;
    this.#connection.send(record);
  }

  #write(flags: number, parts: readonly Uint8Array[]): void {
    let bytes = RECORD_OVERHEAD_BYTES;
    for (const part of parts) bytes += part.length;
    const pooled = recordPool.take(bytes);
    const record = this.#seal(flags, parts, pooled);
    this.sentBytes += record.length;
    if (pooled === undefined) this.#connection.send(record);
    else this.#connection.send(record, () => recordPool.give(pooled));
  }

  /** A channel that cannot seal is used up: what shared the record is lost with it, so the owner has to end the session. */
  #seal(flags: number, parts: readonly Uint8Array[], target: Buffer | undefined): Buffer {
    try {
      return this.#channel.seal(flags, parts, target);
    } catch (error) {
      this.#onFailure(error);
      throw new MeshError('session_closed', 'the session can send nothing more', { cause: error, mayHaveRun: false });
    }
  }
}
