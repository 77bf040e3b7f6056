import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { decodeResponse } from '../../src/dns-message.js';
import { wireMessage, type TestMessage } from './messages.js';

/** Sends a message back; the id is that of the question unless it says otherwise. */
export type Reply = (message: TestMessage | Buffer) => void;

/** What a server was asked. */
export interface Asked {
  readonly id: number;
  readonly name: string;
  readonly type: string;
}

export interface Behaviour {
  readonly udp?: (reply: Reply, asked: Asked) => void;
  /** Default: as over UDP. */
  readonly tcp?: (reply: Reply, asked: Asked, socket: TcpSocket) => void;
}

/** A DNS server on 127.0.0.1 that does as a test says, for what no honest one would do. */
export class FakeServer {
  readonly port: number;
  readonly asked: string[] = [];
  readonly #udp: Socket;
  readonly #tcp: Server;
  readonly #sockets = new Set<TcpSocket>();
  behaviour: Behaviour;

  private constructor(udp: Socket, tcp: Server, behaviour: Behaviour) {
    this.port = udp.address().port;
    this.#udp = udp;
    this.#tcp = tcp;
    this.behaviour = behaviour;
    udp.on('message', (message, from) => this.#onUdp(message, from));
    tcp.on('connection', (socket) => this.#onTcp(socket));
  }

  static async start(behaviour: Behaviour): Promise<FakeServer> {
    for (;;) {
      const [udp, tcp] = [createSocket('udp4'), createServer()];
      await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
      const listens = await new Promise<boolean>((resolve) => {
        tcp.once('error', () => resolve(false));
        tcp.listen(udp.address().port, '127.0.0.1', () => resolve(true));
      });
      if (listens) return new FakeServer(udp, tcp, behaviour);
      udp.close();
    }
  }

  get address(): { address: string; port: number } {
    return { address: '127.0.0.1', port: this.port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#udp.close();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #onUdp(message: Buffer, from: RemoteInfo): void {
    const asked = this.#read('udp', message);
    this.behaviour.udp?.((answer) => this.#udp.send(complete(answer, asked), from.port, from.address), asked);
  }

  #onTcp(socket: TcpSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const asked = this.#read('tcp', bytes.subarray(2));
      const reply: Reply = (answer) => {
        const payload = complete(answer, asked);
        socket.write(Buffer.concat([Buffer.of(payload.length >> 8, payload.length & 0xff), payload]));
      };
      (this.behaviour.tcp ?? this.behaviour.udp)?.(reply, asked, socket);
    });
  }

  #read(over: string, message: Buffer): Asked {
    const { id, question } = decodeResponse(message);
    const asked = { id, name: '?', type: '?', ...question };
    this.asked.push(`${over} ${asked.type} ${asked.name}`);
    return asked;
  }
}

const complete = (answer: TestMessage | Buffer, { id, name, type }: Asked): Buffer => (Buffer.isBuffer(answer) ? answer : wireMessage({ id, question: { name, type }, ...answer }));
