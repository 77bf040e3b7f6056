import type { Connection, ConnectionEnd, Listener, ListenOptions, ServiceNode, Transport } from '@lemur-bookstores/mesh-interface';

interface Held {
  readonly message: Buffer;
  readonly onSent: (() => void) | undefined;
}

/** Connections whose peers read slowly: what is sent piles up, and leaves a few bytes each turn of the event loop. */
export class SlowTransport implements Transport {
  readonly #inner: Transport;
  readonly #bytesPerTurn: number;

  constructor(inner: Transport, bytesPerTurn: number) {
    this.#inner = inner;
    this.#bytesPerTurn = bytesPerTurn;
  }

  async dial(node: ServiceNode, signal: AbortSignal): Promise<Connection> {
    return new SlowConnection(await this.#inner.dial(node, signal), this.#bytesPerTurn);
  }

  listen(options: ListenOptions): Promise<Listener> {
    const { onConnection } = options;
    return this.#inner.listen({ ...options, onConnection: (connection, ticket) => onConnection(new SlowConnection(connection, this.#bytesPerTurn), ticket) });
  }
}

class SlowConnection implements Connection {
  readonly #inner: Connection;
  readonly #bytesPerTurn: number;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #isPumping = false;
  #credit = 0;
  onMessage: (message: Buffer) => void = () => {};
  onEnd: (end: ConnectionEnd) => void = () => {};
  onDrain: () => void = () => {};

  constructor(inner: Connection, bytesPerTurn: number) {
    this.#inner = inner;
    this.#bytesPerTurn = bytesPerTurn;
    inner.onMessage = (message) => this.onMessage(message);
    inner.onEnd = (end) => this.onEnd(end);
    inner.onDrain = () => this.#drained();
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  get bufferedBytes(): number {
    return this.#heldBytes + this.#inner.bufferedBytes;
  }

  send(message: Buffer, onSent?: () => void): void {
    this.#held.push({ message, onSent });
    this.#heldBytes += message.length;
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(this.#pump);
  }

  authenticated(): void {
    this.#inner.authenticated();
  }

  close(): void {
    this.#release(Infinity);
    this.#inner.close();
  }

  terminate(): void {
    this.#inner.terminate();
  }

  readonly #pump = (): void => {
    this.#credit = Math.min(this.#credit, 0) + this.#bytesPerTurn;
    this.#release();
    this.#isPumping = this.#held.length > 0;
    if (this.#isPumping) setImmediate(this.#pump);
    else this.#drained();
  };

  #release(credit = this.#credit): void {
    for (let left = credit; left > 0; this.#credit = left) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#heldBytes -= next.message.length;
      left -= next.message.length;
      this.#inner.send(next.message, next.onSent);
    }
  }

  #drained(): void {
    if (this.bufferedBytes === 0) this.onDrain();
  }
}
