import { MeshError } from '@lemur-bookstores/mesh-interface';
import { HEADER_BYTES, MAX_RECORD_BYTES, RecordFlag } from './message.js';

/** Fragment record: fragmentId(4) [total(4) in the first] bytes. */
export const FRAGMENT_HEAD_BYTES = 4;
export const FIRST_FRAGMENT_HEAD_BYTES = 8;
/** What the sender puts in every fragment but the last. */
export const FRAGMENT_BYTES = MAX_RECORD_BYTES - FIRST_FRAGMENT_HEAD_BYTES;

/** Every fragment but the last is a full one: a peer cannot hold a message open with many tiny pieces. */
const MIN_FRAGMENT_BYTES = FRAGMENT_BYTES;

interface Partial {
  readonly total: number;
  /** `undefined`: over the cap. Its bytes are counted and thrown away, so that the connection lives on. */
  readonly chunks: Buffer[] | undefined;
  received: number;
}

/** The outcome of a fragment. */
export type Reassembled =
  | { readonly type: 'more' }
  | { readonly type: 'message'; readonly message: Buffer }
  /** The message is over the cap; `header` is its first bytes. Said once, at its first fragment. */
  | { readonly type: 'too-large'; readonly header: Buffer; readonly total: number };

const MORE: Reassembled = { type: 'more' };

/** Puts fragmented messages of one connection together, within caps (PROTOCOL 5). */
export class Reassembly {
  readonly #partials = new Map<number, Partial>();
  readonly #maxMessageBytes: number;
  readonly #maxTotalBytes: number;
  #reserved = 0;

  /**
   * @param maxMessageBytes cap of one message, in bytes
   * @param maxTotalBytes cap of all messages under way on this connection, in bytes
   */
  constructor(maxMessageBytes: number, maxTotalBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#maxTotalBytes = maxTotalBytes;
  }

  /** Bytes reserved for messages under way. */
  get reservedBytes(): number {
    return this.#reserved;
  }

  /** @throws MeshError `protocol_violation`: the connection must end */
  add(flags: number, plaintext: Buffer): Reassembled {
    const first = (flags & RecordFlag.first) !== 0;
    const last = (flags & RecordFlag.last) !== 0;
    if (plaintext.length < (first ? FIRST_FRAGMENT_HEAD_BYTES : FRAGMENT_HEAD_BYTES)) throw violation('a fragment that is too short');
    const id = plaintext.readUInt32BE(0);
    if (first) return this.#begin(id, plaintext, last);

    const partial = this.#partials.get(id);
    if (partial === undefined) throw violation('a fragment of no message');
    return this.#append(id, partial, plaintext.subarray(FRAGMENT_HEAD_BYTES), last);
  }

  /** Forgets everything. */
  clear(): void {
    this.#partials.clear();
    this.#reserved = 0;
  }

  #begin(id: number, plaintext: Buffer, last: boolean): Reassembled {
    const total = plaintext.readUInt32BE(4);
    const chunk = plaintext.subarray(FIRST_FRAGMENT_HEAD_BYTES);
    if (this.#partials.has(id)) throw violation('a fragment that begins a message twice');
    if (last || total <= chunk.length || chunk.length < HEADER_BYTES) throw violation('a message in fragments that needs none');
    const tooLarge = total > this.#maxMessageBytes;
    // Discarded messages count as well: their number is bounded by the same budget.
    const reserved = tooLarge ? 0 : total;
    if (this.#reserved + reserved > this.#maxTotalBytes || this.#partials.size >= 64) throw violation('too many messages in fragments at once');
    this.#reserved += reserved;
    const partial: Partial = { total, chunks: tooLarge ? undefined : [], received: 0 };
    this.#partials.set(id, partial);
    this.#append(id, partial, chunk, false);
    return tooLarge ? { type: 'too-large', header: Buffer.from(chunk.subarray(0, HEADER_BYTES)), total } : MORE;
  }

  #append(id: number, partial: Partial, chunk: Buffer, last: boolean): Reassembled {
    partial.received += chunk.length;
    if (partial.received > partial.total) throw violation('fragments longer than announced');
    if (last !== (partial.received === partial.total)) throw violation('fragments that end in the wrong place');
    if (!last && chunk.length < MIN_FRAGMENT_BYTES) throw violation('a fragment that is too small');
    partial.chunks?.push(chunk);
    if (!last) return MORE;
    this.#partials.delete(id);
    if (partial.chunks === undefined) return MORE;
    this.#reserved -= partial.total;
    return { type: 'message', message: Buffer.concat(partial.chunks, partial.total) };
  }
}

const violation = (what: string): MeshError => new MeshError('protocol_violation', what);
