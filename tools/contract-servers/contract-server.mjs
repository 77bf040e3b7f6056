// The base of servers that answer as the documented API of a vendor does: on 127.0.0.1 on a free port, requests read and unpacked within a limit, faults injected on
// the way. What a vendor's API checks and answers is in the file named after it.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { gunzip } from 'node:zlib';
import { promisify } from 'node:util';
import { FaultPlan } from './fault-plan.mjs';

const unpack = promisify(gunzip);
/** How long `slow-body` takes for an answer, in ms, and in how many pieces. */
const SLOW_MS = 300;
const SLOW_PIECES = 6;
const GARBAGE = '<html><head><title>Welcome</title></head><body>This network wants you to log in.</body></html>';

/**
 * @typedef {object} ContractRequest
 * @property {string} method
 * @property {string} path without the query
 * @property {URLSearchParams} query
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {Buffer} body unpacked
 * @property {number} sentBytes as they came, packed
 * @property {string | undefined} fault a fault that is the vendor's own to play, e.g. 'half-accepted'
 *
 * @typedef {object} ContractAnswer
 * @property {number} status
 * @property {Record<string, string>} [headers]
 * @property {unknown} [body] an object is sent as JSON, a text or Buffer as it is
 */

/** A server for one API. */
export class ContractServer {
  #server;
  #port = 0;
  #sockets = new Set();
  #hanging = new Set();
  #handle;
  #refuse;
  #maxBodyBytes;
  #tls;
  #isUp = false;
  /** Requests that came, those that a fault met included. */
  requests = 0;
  /** The paths, headers and sizes of the last 1,000 of them. */
  log = [];

  /**
   * @param {object} options
   * @param {(request: ContractRequest) => ContractAnswer | Promise<ContractAnswer>} options.handle
   * @param {(status: number, headers: Record<string, string>, path: string) => ContractAnswer} options.refuse how the API says this status there
   * @param {number} [options.maxBodyBytes] as sent, and unpacked; a longer one is 413
   * @param {{ key: string, cert: string }} [options.tls]
   * @param {import('./fault-plan.mjs').FaultOptions} [options.faults]
   */
  constructor({ handle, refuse, maxBodyBytes = 100 * 1_048_576, tls, faults }) {
    this.#handle = handle;
    this.#refuse = refuse;
    this.#maxBodyBytes = maxBodyBytes;
    this.#tls = tls;
    this.faults = new FaultPlan(faults);
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** @returns {Promise<this>} */
  async start() {
    await this.#listen(0);
    return this;
  }

  /** Nobody listens there any more, and every connection is cut. */
  async down() {
    this.#isUp = false;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.release();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The same port again. */
  async up() {
    await this.#listen(this.#port);
  }

  /** Ends what hangs. */
  release() {
    for (const response of this.#hanging) response.destroy();
    this.#hanging.clear();
  }

  /** Safe to call twice. */
  async stop() {
    if (this.#isUp) await this.down();
  }

  #listen(port) {
    const onRequest = (request, response) => void this.#answer(request, response).catch((error) => this.#broke(response, error));
    this.#server = this.#tls === undefined ? createHttpServer(onRequest) : createHttpsServer(this.#tls, onRequest);
    // With TLS the bare connection as well: one whose handshake never ends would keep the server.
    for (const event of this.#tls === undefined ? ['connection'] : ['connection', 'secureConnection']) {
      this.#server.on(event, (socket) => {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => this.#sockets.delete(socket));
      });
    }
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#port = this.#server.address().port;
        this.#isUp = true;
        resolve();
      });
    });
  }

  /** A mistake of the server's own must not look like a fault of the sink. */
  #broke(response, error) {
    if (error?.code === 'ECONNRESET' || response.destroyed) return;
    console.error('contract server:', error);
    response.writeHead(599).end(String(error));
  }

  async #answer(request, response) {
    this.requests++;
    const url = new URL(request.url, 'http://server');
    const chunks = [];
    let sentBytes = 0;
    for await (const chunk of request) {
      sentBytes += chunk.length;
      if (sentBytes <= this.#maxBodyBytes) chunks.push(chunk);
    }
    this.log.push({ at: performance.now(), method: request.method, path: url.pathname, headers: request.headers, sentBytes });
    if (this.log.length > 1_000) this.log.shift();

    const fault = this.faults.next();
    if (fault === 'hang') {
      this.#hanging.add(response);
      return;
    }
    if (fault === 'reset-before') {
      request.socket.destroy();
      return;
    }
    if (fault === 'garbage') {
      write(response, { status: 200, headers: { 'content-type': 'text/html' }, body: GARBAGE });
      return;
    }
    const refused = this.faults.statusOf(fault);
    if (refused !== undefined) {
      write(response, this.#refuse(refused.status, refused.headers, url.pathname));
      return;
    }
    if (sentBytes > this.#maxBodyBytes) {
      write(response, this.#refuse(413, {}, url.pathname));
      return;
    }
    const packed = Buffer.concat(chunks);
    const isPacked = request.headers['content-encoding'] === 'gzip';
    const body = isPacked ? await unpack(packed, { maxOutputLength: this.#maxBodyBytes }).catch(({ code }) => (code === 'ERR_BUFFER_TOO_LARGE' ? 413 : 400)) : packed;
    const asked = { method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, body, sentBytes, fault };
    const answer = typeof body === 'number' ? this.#refuse(body, {}, url.pathname) : await this.#handle(asked);
    if (fault === 'reset-after') request.socket.destroy();
    else if (fault === 'reset-in-answer') cutOff(request, response, answer);
    else if (fault === 'slow-body') slowly(response, answer);
    else write(response, answer);
  }
}

function bytesOf({ headers = {}, body }) {
  if (body === undefined) return { headers, bytes: Buffer.alloc(0) };
  if (typeof body === 'string' || Buffer.isBuffer(body)) return { headers, bytes: Buffer.from(body) };
  return { headers: { 'content-type': 'application/json', ...headers }, bytes: Buffer.from(JSON.stringify(body)) };
}

function write(response, answer) {
  const { headers, bytes } = bytesOf(answer);
  response.writeHead(answer.status, { ...headers, 'content-length': bytes.length }).end(bytes);
}

/** The head and half of the answer. */
function cutOff(request, response, answer) {
  const { headers, bytes } = bytesOf(answer);
  // One byte more than there is: an empty answer is cut off as well.
  response.writeHead(answer.status, { ...headers, 'content-length': bytes.length + 1 });
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => request.socket.destroy());
  response.flushHeaders();
  if (bytes.length === 0) setImmediate(() => request.socket.destroy());
}

function slowly(response, answer) {
  const { headers, bytes } = bytesOf(answer);
  response.writeHead(answer.status, { ...headers, 'content-length': bytes.length });
  const size = Math.max(1, Math.ceil(bytes.length / SLOW_PIECES));
  let at = 0;
  const timer = setInterval(() => {
    const piece = bytes.subarray(at, at + size);
    at += size;
    if (at < bytes.length && !response.destroyed) {
      response.write(piece);
      return;
    }
    clearInterval(timer);
    response.end(piece);
  }, SLOW_MS / SLOW_PIECES);
}
