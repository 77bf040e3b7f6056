import { MAX_RECORD_BYTES, RecordFlag } from './message.js';
import { FIRST_FRAGMENT_HEAD_BYTES, FRAGMENT_BYTES, FRAGMENT_HEAD_BYTES } from './reassembly.js';

const EMPTY = new Uint8Array(0);

/** One record's worth of a message. */
export interface Piece {
  readonly flags: number;
  readonly parts: readonly Uint8Array[];
}

/** An encoded message that is written by itself: a large one in fragments, or one that waits for a slow reader. */
export class OutgoingMessage {
  readonly id: number;
  /** Nobody waits for its answer any more; the peer is told once its last fragment is written. */
  cancelled = false;
  readonly head: Buffer;
  readonly #fragmentId: number;
  #body: Uint8Array;
  #offset = 0;

  constructor(id: number, head: Buffer, body: Uint8Array = EMPTY, fragmentId = 0) {
    this.id = id;
    this.head = head;
    this.#body = body;
    this.#fragmentId = fragmentId;
  }

  get body(): Uint8Array {
    return this.#body;
  }

  get bytes(): number {
    return this.head.length + this.#body.length;
  }

  /** Some of it is written: the rest has to follow. */
  get begun(): boolean {
    return this.#offset > 0;
  }

  get needsFragments(): boolean {
    return this.bytes > MAX_RECORD_BYTES;
  }

  /** All of it is written. */
  get done(): boolean {
    return this.#offset === this.bytes;
  }

  /** Makes the body its own: the caller may change theirs once this has to wait. */
  own(): this {
    this.#body = Buffer.from(this.#body);
    return this;
  }

  /** The next record: the whole message, or a fragment (docs/wire-protocol.md). */
  next(): Piece {
    const { bytes, head } = this;
    const start = this.#offset;
    if (!this.needsFragments) {
      this.#offset = bytes;
      return { flags: 0, parts: [head, this.#body] };
    }
    const end = Math.min(bytes, start + FRAGMENT_BYTES);
    const first = start === 0;
    const fragmentHead = Buffer.allocUnsafe(first ? FIRST_FRAGMENT_HEAD_BYTES : FRAGMENT_HEAD_BYTES);
    fragmentHead.writeUInt32BE(this.#fragmentId, 0);
    if (first) fragmentHead.writeUInt32BE(bytes, 4);
    const parts: Uint8Array[] = [fragmentHead];
    if (start < head.length) parts.push(head.subarray(start));
    parts.push(this.#body.subarray(Math.max(0, start - head.length), end - head.length));
    this.#offset = end;
    return { flags: RecordFlag.fragment | (first ? RecordFlag.first : 0) | (end === bytes ? RecordFlag.last : 0), parts };
  }
}
