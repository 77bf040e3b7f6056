import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { binaryFrame, FrameReader, HeadReader, Opcode } from './websocket-frames.js';

/** As the wire has it, not as the product's constant does: a change of that one is a change of the protocol. */
export const SUBPROTOCOL = 'secure-stack-mesh.v1';

/** A bare TCP connection that speaks WebSocket by hand, from either end: it may do whatever an attacker may. */
export class Stranger {
  readonly socket: Socket;
  /** Resolves when the connection is gone, with how long it had lasted, in ms. */
  readonly ended: Promise<number>;
  /** The HTTP head that the other side sent, once it is whole. */
  readonly head: Promise<string>;
  /** Binary messages that came. */
  readonly messages: Buffer[] = [];
  /** Opcodes of all frames that came. */
  readonly opcodes: number[] = [];
  /** Bytes that came. */
  receivedBytes = 0;
  readonly #isClient: boolean;
  #onMessage: (() => void) | undefined;

  private constructor(socket: Socket, isClient: boolean) {
    this.socket = socket;
    this.#isClient = isClient;
    const startedAt = performance.now();
    socket.on('error', () => {});
    socket.setNoDelay(true);
    this.ended = new Promise((resolve) => socket.once('close', () => resolve(performance.now() - startedAt)));
    const heads = new HeadReader();
    const frames = new FrameReader();
    this.head = new Promise((resolve, reject) => {
      let known = false;
      socket.on('data', (chunk: Buffer) => {
        this.receivedBytes += chunk.length;
        const { head, rest } = heads.push(chunk);
        if (head !== undefined) {
          known = true;
          resolve(head.toString('latin1'));
        }
        if (rest.length > 0) this.#onFrames(frames.push(rest));
      });
      socket.once('close', () => {
        if (!known) reject(new Error('the connection ended without an HTTP head'));
        this.#onMessage?.();
      });
    });
    this.head.catch(() => {});
  }

  static async connect(port: number): Promise<Stranger> {
    const socket = connect(port, '127.0.0.1');
    const stranger = new Stranger(socket, true);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return stranger;
  }

  /** A connection that somebody else opened to us. */
  static accepted(socket: Socket): Stranger {
    return new Stranger(socket, false);
  }

  /** Asks for the upgrade. @param protocol `undefined`: offers none. @returns the head of the answer */
  async upgrade(protocol: string | undefined = SUBPROTOCOL): Promise<string> {
    this.socket.write(upgradeRequest(protocol));
    return this.head;
  }

  /** Grants the upgrade that the other side asked for. */
  async grantUpgrade(): Promise<void> {
    const key = /^sec-websocket-key: *(\S+)/im.exec(await this.head)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    this.socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`,
    );
  }

  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages.map((message) => binaryFrame(message, this.#isClient))));
  }

  /** The binary message of that index, from 0; `undefined` if the connection ends without it. */
  async message(index: number): Promise<Buffer | undefined> {
    while (this.messages.length <= index && !this.socket.destroyed) {
      await new Promise<void>((resolve) => (this.#onMessage = resolve));
    }
    return this.messages[index];
  }

  close(): Promise<unknown> {
    this.socket.destroy();
    return this.ended;
  }

  #onFrames(frames: ReturnType<FrameReader['push']>): void {
    for (const { opcode, payload } of frames) {
      this.opcodes.push(opcode);
      if (opcode === Opcode.binary) this.messages.push(payload);
    }
    this.#onMessage?.();
  }
}

export const upgradeRequest = (protocol: string | undefined): string =>
  `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${
    protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
  }\r\n`;

/** Listens by hand: each connection goes to `onStranger`, and nothing is answered unless that does it. */
export class StrangerListener {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, onStranger: (stranger: Stranger) => void) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      onStranger(Stranger.accepted(socket));
    });
  }

  static async start(onStranger: (stranger: Stranger) => void): Promise<StrangerListener> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new StrangerListener(server, onStranger);
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
