import type { Connection, ConnectionEnd, Listener, ListenOptions, ServiceNode, Transport } from '@lemur-bookstores/mesh-interface';

/** What leaves in the place of a message. */
export type Tap = (message: Buffer) => readonly Buffer[];

/** Connections whose outgoing messages go through a tap. */
export class TappedTransport implements Transport {
  readonly #inner: Transport;
  readonly #tap: Tap;

  constructor(inner: Transport, tap: Tap) {
    this.#inner = inner;
    this.#tap = tap;
  }

  async dial(node: ServiceNode, signal: AbortSignal): Promise<Connection> {
    return new TappedConnection(await this.#inner.dial(node, signal), this.#tap);
  }

  listen(options: ListenOptions): Promise<Listener> {
    const { onConnection } = options;
    return this.#inner.listen({ ...options, onConnection: (connection, ticket) => onConnection(new TappedConnection(connection, this.#tap), ticket) });
  }
}

class TappedConnection implements Connection {
  readonly #inner: Connection;
  readonly #tap: Tap;
  onMessage: (message: Buffer) => void = () => {};
  onEnd: (end: ConnectionEnd) => void = () => {};
  onDrain: () => void = () => {};

  constructor(inner: Connection, tap: Tap) {
    this.#inner = inner;
    this.#tap = tap;
    inner.onMessage = (message) => this.onMessage(message);
    inner.onEnd = (end) => this.onEnd(end);
    inner.onDrain = () => this.onDrain();
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  send(message: Buffer): void {
    // `onSent` is never called: nobody uses the sender's memory again while one of these is on its way.
    for (const each of this.#tap(message)) this.#inner.send(each);
  }

  authenticated(): void {
    this.#inner.authenticated();
  }

  close(): void {
    this.#inner.close();
  }

  terminate(): void {
    this.#inner.terminate();
  }
}
