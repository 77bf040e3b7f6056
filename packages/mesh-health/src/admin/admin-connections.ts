import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Caps the connections of an HTTP server. Over the cap the oldest without a request under way goes, and where all others have one the oldest of those: sockets that a
 * stranger holds keep neither the kubelet nor an operator out, as `server.maxConnections` would let them.
 */
export class AdminConnections {
  readonly #cap: number;
  /** Without a request, oldest first. */
  readonly #idle = new Set<Socket>();
  readonly #busy = new Set<Socket>();

  constructor(server: Server, cap: number) {
    this.#cap = cap;
    server.on('connection', (socket) => this.#onConnection(socket));
    server.on('request', (request, response) => {
      const { socket } = request;
      if (!this.#idle.delete(socket)) return;
      this.#busy.add(socket);
      response.once('close', () => {
        if (this.#busy.delete(socket) && !socket.destroyed) this.#idle.add(socket);
      });
    });
  }

  #onConnection(socket: Socket): void {
    // It keeps no process alive.
    socket.unref();
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
    });
    if (this.#idle.size + this.#busy.size <= this.#cap) return;
    const [oldest] = this.#idle;
    const [oldestBusy] = this.#busy;
    (oldest === socket ? oldestBusy : oldest)?.destroy();
  }
}
