import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** What becomes of a bulk on its way. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The server never gets it. */
  | { readonly kind: 'cut-before' }
  /** The server has it, and the answer is lost. */
  | { readonly kind: 'cut-after' }
  /** The server has it, and something else answers. */
  | { readonly kind: 'replaced'; readonly status: number; readonly body: string }
  /** It gets half of the answer. */
  | { readonly kind: 'cut-in-answer' }
  /** Taken, and no answer ever. */
  | { readonly kind: 'hang' }
  /** The server gets the first document, and the others are refused for now: as full queues do. */
  | { readonly kind: 'partial' };

/** Stands between the adapter and a real Elasticsearch, and spoils bulks, or all requests, as told. */
export class FaultProxy {
  /** `POST /index/_bulk` … of all that came. */
  readonly requests: string[] = [];
  /** Ids in the bulks that came, one list each. */
  readonly bulks: string[][] = [];
  /** Played once each, before `always`. */
  readonly next: Fault[] = [];
  always: Fault | undefined;
  /** Which requests faults are for. */
  meets: (request: string) => boolean = (request) => request.includes('_bulk');
  /** Called when a fault has been played. */
  played: () => void = () => undefined;
  readonly #target: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** No fault any more; what hangs is cut off. */
  release(): void {
    this.always = undefined;
    this.next.length = 0;
    for (const socket of this.#sockets) if (this.#hanging.has(socket)) socket.destroy();
    this.#hanging.clear();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  readonly #hanging = new Set<Socket>();

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const line = `${request.method} ${request.url}`;
    this.requests.push(line);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    const lines = line.includes('_bulk') ? body.toString().split('\n').slice(0, -1) : [];
    if (lines.length > 0) this.bulks.push(lines.filter((_each, at) => at % 2 === 0).map((each) => (JSON.parse(each) as { create: { _id: string } }).create._id));
    const fault = this.meets(line) ? (this.next.shift() ?? this.always) : undefined;
    switch (fault?.kind) {
      case 'status':
        response.writeHead(fault.status, { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json', ...fault.headers }).end(fault.body ?? JSON.stringify({ error: { type: 'es_rejected_execution_exception', reason: 'as told' }, status: fault.status }));
        break;
      case 'cut-before':
        request.socket.destroy();
        break;
      case 'cut-after':
        await this.#send(request, body);
        request.socket.destroy();
        break;
      case 'replaced':
        await this.#send(request, body);
        response.writeHead(fault.status, { 'x-elastic-product': 'Elasticsearch' }).end(fault.body);
        break;
      case 'cut-in-answer': {
        const answer = await this.#send(request, body);
        response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
        response.write(answer.body.subarray(0, answer.body.length >> 1), () => request.socket.destroy());
        break;
      }
      case 'hang':
        this.#hanging.add(request.socket);
        break;
      case 'partial': {
        const answer = await this.#send(request, Buffer.from(`${lines.slice(0, 2).join('\n')}\n`));
        const { items } = JSON.parse(answer.body.toString()) as { items: unknown[] };
        const refused = lines.slice(2).filter((_each, at) => at % 2 === 0).map(() => ({ create: { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'queue is full' } } }));
        response.writeHead(200, answer.headers).end(JSON.stringify({ errors: true, items: [...items, ...refused] }));
        break;
      }
      case undefined: {
        const answer = await this.#send(request, body);
        response.writeHead(answer.status, answer.headers).end(answer.body);
      }
    }
    if (fault !== undefined) this.played();
  }

  #send(request: IncomingMessage, body: Buffer): Promise<{ readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer }> {
    return new Promise((resolve, reject) => {
      const headers = { ...request.headers, host: new URL(this.#target).host, 'content-length': body.length };
      delete (headers as Record<string, unknown>)['content-encoding'];
      const outgoing = forward(this.#target + String(request.url), { method: request.method ?? 'GET', headers, agent: false }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: { 'content-type': String(answer.headers['content-type']), ...(answer.headers['x-elastic-product'] === undefined ? {} : { 'x-elastic-product': 'Elasticsearch' }) },
            body: Buffer.concat(chunks),
          }),
        );
      });
      outgoing.on('error', reject).end(body);
    });
  }
}
