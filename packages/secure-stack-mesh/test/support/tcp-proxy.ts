import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { binaryFrame, encodeFrame, FrameReader, HeadReader, Opcode } from './websocket-frames.js';

export type Direction = 'toServer' | 'toClient';

/** One connection through the proxy. */
export interface Link {
  /** 0, 1, … in the order they came. */
  readonly number: number;
  forward(direction: Direction, bytes: Buffer): void;
  /** Ends both halves at once; `reset` by RST. */
  cut(how?: 'reset'): void;
  /** Resolves when both halves are gone. */
  readonly ended: Promise<void>;
}

/** What a proxy does with the bytes of one connection. */
export type Interference = (link: Link) => (direction: Direction, chunk: Buffer) => void;

const honest: Interference = (link) => (direction, chunk) => link.forward(direction, chunk);

/** Between a dialler and a listener: sees all bytes, and may alter, hold back, repeat, drop or cut them. */
export class TcpProxy {
  readonly port: number;
  /** Everything that came in, per connection and direction, before any interference. */
  readonly recorded: { readonly toServer: Buffer[]; readonly toClient: Buffer[] }[] = [];
  readonly links: Link[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  interference: Interference;

  private constructor(server: Server, target: number, interference: Interference) {
    this.#server = server;
    this.#target = target;
    this.interference = interference;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async to(target: number, interference: Interference = honest): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpProxy(server, target, interference);
  }

  /** From now on connections go there. */
  retarget(port: number): void {
    this.#target = port;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    const recorded = { toServer: [] as Buffer[], toClient: [] as Buffer[] };
    const ended = Promise.all([client, server].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))));
    const link: Link = {
      number: this.links.length,
      forward: (direction, bytes) => void (direction === 'toServer' ? server : client).write(bytes),
      cut: (how) => {
        for (const socket of [client, server]) {
          if (how === 'reset') socket.resetAndDestroy();
          else socket.destroy();
        }
      },
      ended: ended.then(() => undefined),
    };
    this.links.push(link);
    this.recorded.push(recorded);
    const onChunk = this.interference(link);
    for (const [from, to, direction] of [[client, server, 'toServer'], [server, client, 'toClient']] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        recorded[direction].push(chunk);
        onChunk(direction, chunk);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.end();
      });
    }
  }
}

/** Decides what is forwarded in the place of a message; `index` counts the messages of one direction from 0. */
export type MessageRewriter = (direction: Direction, index: number, message: Buffer, link: Link) => readonly Buffer[];

/** Interference with whole WebSocket messages: handshake messages 1 and 3 are `toServer` 0 and 1, message 2 is `toClient` 0; records follow. */
export function onMessages(rewrite: MessageRewriter): Interference {
  return (link) => {
    const state = {
      toServer: { head: new HeadReader(), frames: new FrameReader(), count: 0 },
      toClient: { head: new HeadReader(), frames: new FrameReader(), count: 0 },
    };
    return (direction, chunk) => {
      const { head, frames } = state[direction];
      const split = head.push(chunk);
      if (split.head !== undefined) link.forward(direction, split.head);
      if (split.rest.length === 0) return;
      const masked = direction === 'toServer';
      for (const frame of frames.push(split.rest)) {
        if (frame.opcode !== Opcode.binary) link.forward(direction, encodeFrame(frame, masked));
        else for (const message of rewrite(direction, state[direction].count++, frame.payload, link)) link.forward(direction, binaryFrame(message, masked));
      }
    };
  };
}
