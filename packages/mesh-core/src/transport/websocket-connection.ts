import type { Duplex } from 'node:stream';
import type { Connection, ConnectionEnd } from '@lemur-bookstores/mesh-interface';
import type { WebSocket } from 'ws';

/** What a stranger may send in all before the handshake is done: its two messages, and one chunk of the socket more. */
const STRANGER_BYTES = 2 * 16 * 1024 + 4 * 1024;
/** After our close frame, the peer's must come within this time, in ms. */
const CLOSE_WAIT_MS = 2_000;

/** One WebSocket as a {@link Connection}. */
export class WebSocketConnection implements Connection {
  readonly remoteAddress: string;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  #strangerBytes = 0;
  #proven = false;
  #error: Error | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  onMessage: (message: Buffer) => void = () => {};
  onEnd: (end: ConnectionEnd) => void = () => {};
  onDrain: () => void = () => {};

  /** @param stream the socket below: ws tells neither of its drain nor of bytes of a message that is not whole yet */
  constructor(socket: WebSocket, stream: Duplex, remoteAddress: string) {
    this.#socket = socket;
    this.#stream = stream;
    this.remoteAddress = remoteAddress;
    socket.binaryType = 'nodebuffer';
    socket.on('message', this.#onMessage);
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => {
      clearTimeout(this.#closeTimer);
      this.onEnd(this.#error === undefined ? {} : { error: this.#error });
    });
    stream.on('drain', () => this.onDrain());
    stream.on('data', this.#onStrangerData);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Buffer, onSent: () => void = ignoreLateError): void {
    // ws drops what is sent while closing; sending before it is open cannot happen here.
    this.#socket.send(message, onSent);
  }

  authenticated(): void {
    this.#proven = true;
    this.#stream.off('data', this.#onStrangerData);
  }

  close(): void {
    this.#socket.close();
    // Not the injected clock: the network under test is a real one, whatever time it is said to be.
    this.#closeTimer ??= setTimeout(() => this.#socket.terminate(), CLOSE_WAIT_MS).unref();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  readonly #onMessage = (data: Buffer, isBinary: boolean): void => {
    // The protocol has no text messages; the peer is not one of ours.
    if (isBinary) this.onMessage(data);
    else this.#socket.terminate();
  };

  /** Runs after ws has taken the chunk: maxPayload alone would let each stranger fill a whole record's worth of memory. */
  readonly #onStrangerData = (chunk: Buffer): void => {
    // The chunk that proved the peer is still told here, and may hold records, too (PROTOCOL 1.4).
    if (this.#proven) return;
    this.#strangerBytes += chunk.length;
    if (this.#strangerBytes > STRANGER_BYTES) this.#socket.terminate();
  };
}

/** Errors of a single write show as the socket's own `close`, too. */
const ignoreLateError = (): void => {};
