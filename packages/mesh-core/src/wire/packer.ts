import { MeshError, type Connection, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { HEADER_BYTES, MAX_RECORD_BYTES, MAX_RECORD_MESSAGES, MessageKind, RecordFlag, writeHeader } from './message.js';
import { FIRST_FRAGMENT_HEAD_BYTES, FRAGMENT_BYTES, FRAGMENT_HEAD_BYTES } from './reassembly.js';

/** Texts up to this many characters are encoded straight into the record under construction. */
const INLINE_CHARACTERS = 8 * 1024;
const SCRATCH_BYTES = 64 * 1024;
/** Above this, data waits here instead of in the socket's buffer, where nothing could overtake it. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024;

/** A message that waits: whole, or what is left of it. */
interface Waiting {
  readonly id: number;
  readonly control: boolean;
  readonly head: Buffer;
  readonly body: Uint8Array;
  readonly fragmentId: number;
  offset: number;
}

const EMPTY = new Uint8Array(0);
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
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #nextFragmentId = 1;
  /** Bytes of all records written. */
  sentBytes = 0;

  /** @param maxQueuedBytes cap of the data that waits for a slow reader, in bytes */
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
    const scratch = this.#reserve(0, undefined);
    this.#finishInline(scratch, this.#used, this.#used + HEADER_BYTES, kind, 0, id, undefined);
  }

  /**
   * Takes back a message that still waits whole.
   * @returns whether it was there: then it has provably not been written
   */
  takeBack(id: number): boolean {
    const index = this.#queue.findIndex((waiting) => waiting.id === id && !waiting.control && waiting.offset === 0);
    const [waiting] = index < 0 ? [] : this.#queue.splice(index, 1);
    if (waiting === undefined) return false;
    this.#queuedBytes -= waiting.head.length + waiting.body.length;
    return true;
  }

  /** Cancels a request at the peer: behind the request's own fragments where those are still on their way. */
  cancel(kind: number, id: number): void {
    if (!this.#queue.some((waiting) => waiting.id === id && waiting.offset > 0)) return this.control(kind, id);
    const head = Buffer.allocUnsafe(HEADER_BYTES);
    writeHeader(head, 0, kind, 0, id, 0);
    this.#enqueue({ id, control: true, head, body: EMPTY, fragmentId: 0, offset: 0 });
  }

  /** Seals and writes what this turn has gathered. */
  flush(): void {
    if (this.#count === 0 || this.#scratch === undefined) return;
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
      while (this.#queue.length > 0 && this.#connection.bufferedBytes < HIGH_WATER_BYTES) this.#writeNext();
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /** Everything handed over has been sealed and written. */
  get idle(): boolean {
    return this.#count === 0 && this.#queue.length === 0;
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#scratch = undefined;
    this.#count = 0;
  }

  #fitsInline(body: string | Uint8Array | undefined): boolean {
    if (this.#closed) throw new MeshError('session_closed', 'the session is closed', { mayHaveRun: false });
    return (body === undefined || body.length <= INLINE_CHARACTERS) && this.#queue.length === 0 && this.#connection.bufferedBytes < HIGH_WATER_BYTES;
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
    } catch (error) {
      this.#onFailure(error);
    }
  };

  #large(kind: number, flags: number, id: number, head: Buffer, body: string | Uint8Array | undefined): void {
    const bytes = body === undefined ? EMPTY : typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    const length = head.length + bytes.length;
    writeHeader(head, 0, kind, flags, id, length - HEADER_BYTES);
    const blocked = this.#queue.length > 0 || this.#connection.bufferedBytes >= HIGH_WATER_BYTES;
    if (blocked && this.#queuedBytes + length > this.#maxQueuedBytes) {
      throw new MeshError('send_queue_full', `${this.#queuedBytes} bytes already wait for the peer to read`, { mayHaveRun: false });
    }
    const waiting: Waiting = { id, control: false, head, body: bytes, fragmentId: this.#nextFragmentId, offset: 0 };
    this.#nextFragmentId = (this.#nextFragmentId + 1) >>> 0;
    if (blocked) return this.#enqueue(copied(waiting, typeof body !== 'string'));
    this.flush();
    while (this.#writePiece(waiting)) {
      if (this.#connection.bufferedBytes >= HIGH_WATER_BYTES) return this.#enqueue(copied(waiting, typeof body !== 'string'));
    }
  }

  #enqueue(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#queuedBytes += waiting.head.length + waiting.body.length;
  }

  /** Writes one record from the queue: a fragment, or as many small messages as fit. */
  #writeNext(): void {
    this.flush();
    const first = this.#queue[0] as Waiting;
    if (first.offset > 0 || first.head.length + first.body.length > MAX_RECORD_BYTES) {
      if (!this.#writePiece(first)) this.#dequeue(1);
      return;
    }
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.head.length + waiting.body.length;
      if (bytes > MAX_RECORD_BYTES || count === MAX_RECORD_MESSAGES) break;
      parts.push(waiting.head, waiting.body);
      count++;
    }
    this.#dequeue(count);
    this.#write(0, parts);
  }

  #dequeue(count: number): void {
    for (const waiting of this.#queue.splice(0, count)) this.#queuedBytes -= waiting.head.length + waiting.body.length;
  }

  /** Writes the next record of a message. @returns whether more of it is left */
  #writePiece(waiting: Waiting): boolean {
    const { head, body, offset } = waiting;
    const length = head.length + body.length;
    if (length <= MAX_RECORD_BYTES) {
      this.#write(0, [head, body]);
      return false;
    }
    const end = Math.min(length, offset + FRAGMENT_BYTES);
    const first = offset === 0;
    const fragmentHead = Buffer.allocUnsafe(first ? FIRST_FRAGMENT_HEAD_BYTES : FRAGMENT_HEAD_BYTES);
    fragmentHead.writeUInt32BE(waiting.fragmentId, 0);
    if (first) fragmentHead.writeUInt32BE(length, 4);
    const parts: Uint8Array[] = [fragmentHead];
    if (offset < head.length) parts.push(head.subarray(offset));
    parts.push(body.subarray(Math.max(0, offset - head.length), end - head.length));
    waiting.offset = end;
    this.#write(RecordFlag.fragment | (first ? RecordFlag.first : 0) | (end === length ? RecordFlag.last : 0), parts);
    return end < length;
  }

  #write(flags: number, parts: readonly Uint8Array[]): void {
    const record = this.#channel.seal(flags, parts);
    this.sentBytes += record.length;
    this.#connection.send(record);
  }
}

/** What waits must not change under us: a caller's bytes are copied, text we encoded ourselves is not. */
function copied(waiting: Waiting, isCallersMemory: boolean): Waiting {
  return isCallersMemory && waiting.body.length > 0 ? { ...waiting, body: Buffer.from(waiting.body) } : waiting;
}
