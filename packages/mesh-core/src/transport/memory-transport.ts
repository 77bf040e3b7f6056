import { MeshError, type AdmissionTicket, type Connection, type ConnectionEnd, type Listener, type ListenOptions, type ServiceNode, type Transport } from '@lemur-bookstores/mesh-interface';

let nextPort = 40_000;

/** One end of a pair. Messages arrive in a later turn, in order, as they would from a socket. */
class MemoryConnection implements Connection {
  readonly remoteAddress: string;
  peer: MemoryConnection | undefined;
  onMessage: (message: Buffer) => void = () => {};
  onEnd: (end: ConnectionEnd) => void = () => {};
  onDrain: () => void = () => {};
  #ended = false;
  #inFlight = 0;

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  get bufferedBytes(): number {
    return this.#inFlight;
  }

  send(message: Buffer, onSent?: () => void): void {
    if (this.#ended) return;
    this.#inFlight += message.length;
    setImmediate(() => {
      this.#inFlight -= message.length;
      this.peer?.receive(message);
      onSent?.();
      if (this.#inFlight === 0) this.onDrain();
    });
  }

  receive(message: Buffer): void {
    if (!this.#ended) this.onMessage(message);
  }

  authenticated(): void {}

  close(): void {
    setImmediate(() => this.terminate());
  }

  terminate(): void {
    if (this.#ended) return;
    const peer = this.peer;
    setImmediate(() => this.end());
    setImmediate(() => peer?.end());
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.onEnd({});
  }
}

/**
 * Meshes of one process talk without sockets: for tests of users' own services, with the same handshake, records and calls as on
 * the wire. Every mesh that is to be reached shares one instance.
 */
export class MemoryTransport implements Transport {
  readonly #listening = new Map<number, ListenOptions>();

  dial(node: ServiceNode): Promise<Connection> {
    const options = this.#listening.get(node.port);
    if (options === undefined) {
      return Promise.reject(new MeshError('connect_failed', `cannot reach ${node.id}: nothing listens on memory port ${node.port}`, { mayHaveRun: false }));
    }
    const near = new MemoryConnection(`memory:${node.port}`);
    const far = new MemoryConnection('memory:0');
    near.peer = far;
    far.peer = near;
    const ticket: AdmissionTicket | undefined = options.admission.admit(far.remoteAddress, () => far.terminate());
    if (ticket === undefined) far.terminate();
    else options.onConnection(far, ticket);
    return Promise.resolve(near);
  }

  listen(options: ListenOptions): Promise<Listener> {
    const port = options.port === 0 ? nextPort++ : options.port;
    if (this.#listening.has(port)) {
      return Promise.reject(new MeshError('port_in_use', `something already listens on memory port ${port}; choose another port, or 0 for any free one`));
    }
    this.#listening.set(port, options);
    return Promise.resolve({
      host: '127.0.0.1',
      port,
      close: () => {
        this.#listening.delete(port);
        return Promise.resolve();
      },
    });
  }
}
