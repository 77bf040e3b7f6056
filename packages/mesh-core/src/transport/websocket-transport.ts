import type { Server } from 'node:http';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { MeshError, type AdmissionTicket, type Connection, type Listener, type ListenOptions, type ServiceNode, type Transport } from '@lemur-bookstores/mesh-interface';
import { WebSocket, WebSocketServer } from 'ws';
import { MAX_RECORD_BYTES } from '../wire/message.js';
import { WebSocketConnection } from './websocket-connection.js';

/** WebSocket subprotocol of this version of the wire. */
export const SUBPROTOCOL = 'secure-stack-mesh.v1';

/** Caps of ws (PROTOCOL 5). 64 buffered chunks killed a record that came in small ones. */
const SOCKET_LIMITS = {
  maxPayload: MAX_RECORD_BYTES + 17,
  maxFragments: 64,
  maxBufferedChunks: 4096,
  // Deflate costs 7x and compresses ciphertext; the client's default is on.
  perMessageDeflate: false,
  skipUTF8Validation: true,
} as const;

export interface WebSocketTransportOptions {
  /** How long a TCP connection and the upgrade may take, in ms. Default 5,000. */
  readonly connectMs?: number;
  /**
   * `zero` (default): the client's frames are masked with zeros, which spares both ends an XOR over what is ciphertext anyway
   * (docs/adr/0005). `random`: as RFC 6455 5.3 asks for, for an intermediary that insists.
   */
  readonly mask?: 'zero' | 'random';
}

/** WebSockets over TCP, `ws://` or through an ingress `wss://`. */
export class WebSocketTransport implements Transport {
  readonly #connectMs: number;
  readonly #mask: 'zero' | 'random';

  constructor(options: WebSocketTransportOptions = {}) {
    this.#connectMs = options.connectMs ?? 5_000;
    this.#mask = options.mask ?? 'zero';
  }

  dial(node: ServiceNode, signal: AbortSignal): Promise<Connection> {
    const host = node.host.includes(':') ? `[${node.host}]` : node.host;
    const address = `${node.host}:${node.port}`;
    const url = `${node.tls === true ? 'wss' : 'ws'}://${host}:${node.port}${node.path ?? '/'}`;
    return new Promise((resolve, reject) => {
      let socket: WebSocket;
      let stream: Socket | undefined;
      try {
        socket = new WebSocket(url, SUBPROTOCOL, {
          ...SOCKET_LIMITS,
          handshakeTimeout: this.#connectMs,
          followRedirects: false,
          ...(this.#mask === 'zero' ? { generateMask: () => {} } : {}),
        });
      } catch (error) {
        return reject(new MeshError('connect_failed', `cannot dial ${url}`, { cause: error, mayHaveRun: false }));
      }
      const onAbort = (): void => socket.terminate();
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('upgrade', (response) => (stream = response.socket));
      socket.once('open', () => {
        signal.removeEventListener('abort', onAbort);
        socket.removeAllListeners('error');
        stream?.setNoDelay(true);
        resolve(new WebSocketConnection(socket, stream as Socket, address));
      });
      socket.once('error', (error) => {
        signal.removeEventListener('abort', onAbort);
        const reason = error.message.includes('timed out') ? 'connect_timeout' : 'connect_failed';
        reject(new MeshError(reason, `cannot reach ${node.id} at ${address}: ${error.message}`, { cause: error, mayHaveRun: false }));
      });
    });
  }

  listen(options: ListenOptions): Promise<Listener> {
    const tickets = new WeakMap<Duplex, AdmissionTicket>();
    const webSockets = new WebSocketServer({ noServer: true, ...SOCKET_LIMITS, clientTracking: false, handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false) });
    const server = createServer({ maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 5_000 }, (_request, response) => {
      response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' }).end();
    });
    server.on('connection', (socket: Socket) => {
      const ticket = options.admission.admit(addressOf(socket), () => socket.destroy());
      if (ticket === undefined) return void socket.destroy();
      tickets.set(socket, ticket);
      socket.setNoDelay(true);
      socket.once('close', () => ticket.release());
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const ticket = tickets.get(socket);
      // ws would upgrade a client that offers no subprotocol, or others alone: it is not one of ours.
      if (ticket === undefined || !offersOurs(request)) return void socket.destroy();
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        options.onConnection(new WebSocketConnection(webSocket, socket, addressOf(socket)), ticket);
      });
    });
    return bind(server, options);
  }
}

function bind(server: Server, { host, port }: ListenOptions): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `${host ?? '*'}:${port}`;
      reject(
        error.code === 'EADDRINUSE'
          ? new MeshError('port_in_use', `something already listens on ${where}; choose another port, or 0 for any free one`, { cause: error })
          : new MeshError('listen_failed', `cannot listen on ${where}: ${error.message}`, { cause: error }),
      );
    });
    server.listen(port, host, () => {
      const bound = server.address() as AddressInfo;
      resolve({
        host: bound.address,
        port: bound.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeIdleConnections();
          }),
      });
    });
  });
}

const offersOurs = ({ headers }: IncomingMessage): boolean =>
  headers['sec-websocket-protocol']?.split(',').some((protocol) => protocol.trim() === SUBPROTOCOL) ?? false;

const addressOf = (socket: Socket): string => `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
