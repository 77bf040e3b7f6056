import { MAX_RECORD_BYTES, MAX_RECORD_MESSAGES } from './message.js';
import type { OutgoingMessage, Piece } from './outgoing-message.js';

/** What a message takes beside its bytes. */
const MESSAGE_COST_BYTES = 256;

/** Entries that are gone before the queue is moved up: doing so for each record would cost its whole length each time. */
const MAX_GONE = 1_024;

/**
 * Messages that wait for a slow reader. Small ones and the fragments of a large one take turns, so that a small call is not held up
 * (docs/adr/0008). Large ones follow each other: the peer has to reassemble one at a time, however many there are.
 */
export class SendQueue {
  #small: (OutgoingMessage | undefined)[] = [];
  /** Index of the first small message that still waits. */
  #first = 0;
  /** Those that need fragments; only the first one may be begun. */
  #large: (OutgoingMessage | undefined)[] = [];
  #largeIsNext = false;
  #bytes = 0;

  /** Bytes of all messages in it, written fragments included. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(message: OutgoingMessage): void {
    (message.needsFragments ? this.#large : this.#small).push(message);
    this.#bytes += cost(message);
  }

  /** Takes out a message of which nothing is written. @returns whether it was there */
  takeBack(id: number): boolean {
    return this.#takeOut(this.#small, id) || this.#takeOut(this.#large, id);
  }

  /** Ids of the messages of which nothing is written. */
  unwritten(): Set<number> {
    return new Set([...this.#small, ...this.#large].flatMap((message) => (message === undefined || message.begun ? [] : [message.id])));
  }

  /** A message of which some fragments are written and some are not. */
  begun(id: number): OutgoingMessage | undefined {
    const first = this.#large[0];
    return first?.id === id && first.begun ? first : undefined;
  }

  /** The next record: a fragment, or as many small messages as fit. Must not be called when it is empty. */
  next(): Piece & { readonly ended: OutgoingMessage | undefined } {
    const large = this.#large[0];
    if (large === undefined || (!this.#largeIsNext && this.#first < this.#small.length)) {
      this.#largeIsNext = true;
      return { flags: 0, parts: this.#takeSmall(), ended: undefined };
    }
    this.#largeIsNext = false;
    const piece = large.next();
    if (!large.done) return { ...piece, ended: undefined };
    this.#large.shift();
    this.#bytes -= cost(large);
    return { ...piece, ended: large };
  }

  clear(): void {
    this.#small = [];
    this.#large = [];
    this.#first = this.#bytes = 0;
  }

  #takeSmall(): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const last = Math.min(this.#small.length, this.#first + MAX_RECORD_MESSAGES);
    let bytes = 0;
    for (; this.#first < last; this.#first++) {
      const message = this.#small[this.#first] as OutgoingMessage;
      bytes += message.bytes;
      if (bytes > MAX_RECORD_BYTES) break;
      parts.push(message.head, message.body);
      this.#bytes -= cost(message);
      this.#small[this.#first] = undefined;
    }
    if (this.#first === this.#small.length || this.#first > Math.max(MAX_GONE, this.#small.length / 2)) {
      this.#small.splice(0, this.#first);
      this.#first = 0;
    }
    return parts;
  }

  #takeOut(messages: (OutgoingMessage | undefined)[], id: number): boolean {
    const index = messages.findIndex((message) => message?.id === id && !message.begun);
    const [found] = index < 0 ? [] : messages.splice(index, 1);
    if (found !== undefined) this.#bytes -= cost(found);
    return found !== undefined;
  }
}

/** Objects and an entry in a list cost something, too, however small the message. */
const cost = (message: OutgoingMessage): number => message.bytes + MESSAGE_COST_BYTES;
