import { MAX_RECORD_BYTES, MAX_RECORD_MESSAGES } from './message.js';
import type { OutgoingMessage, Piece } from './outgoing-message.js';

/**
 * Messages that wait for a slow reader. Large ones take turns with what else waits, a fragment at a time, so that a small call is
 * not held up behind them (docs/adr/0008).
 */
export class SendQueue {
  #waiting: OutgoingMessage[] = [];
  #bytes = 0;

  /** Bytes of all messages in it, written fragments included. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(message: OutgoingMessage): void {
    this.#waiting.push(message);
    this.#bytes += message.bytes;
  }

  /** Takes out a message of which nothing is written. @returns whether it was there */
  takeBack(id: number): boolean {
    const found = this.#waiting.find((message) => message.id === id && !message.begun);
    if (found !== undefined) this.#remove(found);
    return found !== undefined;
  }

  /** A message of which some fragments are written and some are not. */
  begun(id: number): OutgoingMessage | undefined {
    return this.#waiting.find((message) => message.id === id && message.begun);
  }

  /** The next record: a fragment, or as many small messages as fit. Must not be called when it is empty. */
  next(): Piece & { readonly ended: OutgoingMessage | undefined } {
    const first = this.#waiting[0] as OutgoingMessage;
    if (!first.needsFragments) return { flags: 0, parts: this.#takeSmall(), ended: undefined };
    const piece = first.next();
    this.#waiting.shift();
    if (first.done) this.#bytes -= first.bytes;
    else this.#waiting.push(first);
    return { ...piece, ended: first.done ? first : undefined };
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }

  #takeSmall(): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let count = 0;
    for (const message of this.#waiting) {
      bytes += message.bytes;
      if (bytes > MAX_RECORD_BYTES || count === MAX_RECORD_MESSAGES) break;
      parts.push(message.head, message.body);
      count++;
    }
    for (const message of this.#waiting.splice(0, count)) this.#bytes -= message.bytes;
    return parts;
  }

  #remove(message: OutgoingMessage): void {
    this.#waiting.splice(this.#waiting.indexOf(message), 1);
    this.#bytes -= message.bytes;
  }
}
