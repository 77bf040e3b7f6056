import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { holdProcess, MeshError, SafeLogger, stderrLogger, systemClock, type Clock, type Logger, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import { AdminAccess } from './admin-access.js';
import { errorAnswer, type AdminAnswer } from './admin-answer.js';
import { AdminConnections } from './admin-connections.js';
import { AdminJournal } from './admin-journal.js';
import { adminOptionProblems, type AdminOptions } from './admin-options.js';
import { adminRoutes, type AdminRoute } from './admin-routes.js';
import type { AdminSource } from './admin-source.js';
import { BearerToken } from './bearer-token.js';
import { isLoopbackAddress } from './loopback.js';

/** Bounds of the server: times in ms. */
export interface AdminLimits {
  readonly headersMs: number;
  /** From a request's first byte to its last. */
  readonly requestMs: number;
  /** Of a connection on which nothing moves, in either direction. */
  readonly idleMs: number;
  readonly connections: number;
  /** How long `close()` waits for answers that are under way. */
  readonly closeMs: number;
}

const LIMITS: AdminLimits = { headersMs: 5_000, requestMs: 10_000, idleMs: 25_000, connections: 128, closeMs: 1_000 };
const MAX_HEADER_BYTES = 8 * 1_024;
const KEEP_ALIVE_MS = 5_000;
const REQUESTS_PER_CONNECTION = 1_000;

/** Options of an {@link AdminServer}. */
export interface AdminServerOptions extends AdminOptions {
  readonly source: AdminSource;
  /** Gets who was refused, and who asked for a rotation. */
  readonly audit: OwnAuditSink;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** For tests. */
  readonly limits?: Partial<AdminLimits>;
}

/**
 * The admin endpoint: probes, metrics, figures, the newest audit events, and a rotation of keys, over plain HTTP (docs/admin.md). Keeps no process alive.
 */
export class AdminServer {
  readonly #port: number;
  readonly #host: string;
  readonly #token: BearerToken | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: AdminLimits;
  readonly #journal: AdminJournal;
  readonly #routes: ReadonlyMap<string, AdminRoute>;
  /** Nobody but probes, until it is known where it is bound. */
  #access = new AdminAccess({ token: undefined, address: '?', isLoopback: false });
  #server: Server | undefined;
  #opening: Promise<Server> | undefined;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor({ port, host = '127.0.0.1', token, source, audit, clock = systemClock, logger = stderrLogger, limits }: AdminServerOptions) {
    const problems = adminOptionProblems({ port, host, ...(token === undefined ? {} : { token }) });
    if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
    this.#port = port;
    this.#host = host;
    this.#token = token === undefined ? undefined : new BearerToken(token);
    this.#clock = clock;
    this.#logger = new SafeLogger(logger);
    this.#limits = { ...LIMITS, ...limits };
    this.#journal = new AdminJournal(audit, clock);
    this.#routes = adminRoutes(source, this.#journal, clock, () => this.#access);
  }

  /** The port it listens on; `undefined` while it does not. */
  get port(): number | undefined {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port;
  }

  /**
   * Listens. @returns whether this did it: `false` where it was listening already
   * @throws MeshError `port_in_use`, `listen_failed`; it may be tried again
   */
  async listen(): Promise<boolean> {
    if (this.#opening !== undefined) {
      await this.#opening;
      return false;
    }
    this.#opening = this.#open();
    try {
      this.#server = await this.#opening;
      return true;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** Takes no more connections, gives answers that are under way a second, and ends them all. It may listen again. Safe to call twice; never rejects. */
  async close(): Promise<void> {
    const server = await this.#opening?.catch(() => undefined);
    if (server === undefined) return;
    this.#server = this.#opening = undefined;
    const ended = (): Promise<void> =>
      new Promise((resolve) => {
        const timer = this.#clock.setTimeout(() => server.closeAllConnections(), this.#limits.closeMs);
        server.close(() => {
          timer.cancel();
          resolve();
        });
        server.closeIdleConnections();
      });
    // Whoever holds a connection holds no process, and what comes after this is not to be lost.
    await holdProcess(ended);
    this.#journal.flush();
  }

  async #open(): Promise<Server> {
    const { headersMs, requestMs, idleMs, connections } = this.#limits;
    const times = { headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: KEEP_ALIVE_MS, connectionsCheckingInterval: Math.min(1_000, headersMs) };
    const server = createServer({ ...times, maxHeaderSize: MAX_HEADER_BYTES, insecureHTTPParser: false }, (request, response) => void this.#onRequest(request, response));
    server.timeout = idleMs;
    server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
    void new AdminConnections(server, connections);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#onClientError(error, socket as Socket));
    await bind(server, this.#host, this.#port);
    server.unref();
    server.on('error', (error) => this.#logger.warn(`admin endpoint: ${error.message}`));
    const { address } = server.address() as AddressInfo;
    const isLoopback = isLoopbackAddress(address);
    this.#access = new AdminAccess({ token: this.#token, address, isLoopback });
    if (!isLoopback && this.#token === undefined) this.#logger.warn(`the admin endpoint is bound to ${address} without a token: it serves probes and metrics only; set admin.token for the rest`);
    return server;
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers, socket } = request;
    const [path, query] = targetOf(request.url);
    const route = path === undefined ? undefined : this.#routes.get(path);
    const send = (answer: AdminAnswer): void => {
      if (response.destroyed || response.headersSent) return;
      // What is left of a body that nobody reads ends with the connection.
      response.writeHead(answer.status, { ...answer.headers, ...(request.complete ? {} : { Connection: 'close' }) }).end(answer.body);
      if (answer.error !== undefined && isRefusal(answer)) this.#journal.refused({ error: answer.error, status: answer.status, address: addressOf(socket), method, route: route === undefined ? '_OTHER' : (path as string) });
    };
    try {
      if (route === undefined) return send(errorAnswer(new MeshError('admin_not_found', `there is nothing here; there is ${[...this.#routes.keys()].join(', ')}`)));
      const refusal = this.#access.refusal(route.level, headers);
      if (refusal !== undefined) return send(errorAnswer(refusal, undefined, refusal.code === 'UNAUTHENTICATED' ? { 'WWW-Authenticate': 'Bearer realm="secure-stack-mesh admin"' } : {}));
      if (!(route.methods as readonly string[]).includes(method)) return send(errorAnswer(new MeshError('admin_request_invalid', `${path} takes ${route.methods.join(' and ')}`), 405, { Allow: route.methods.join(', ') }));
      if (route.level === 'probe') return route.serve(request, response);
      send(await route.answer({ request, query, address: addressOf(socket) }, this.#access));
    } catch (error) {
      // The other end went away.
      if (request.destroyed && !request.complete) return;
      send(errorAnswer(this.#told(error)));
    }
  }

  /** What an operator may be told. Of what nobody foresaw the log has more. */
  #told(error: unknown): MeshError {
    if (MeshError.is(error)) return error;
    this.#logger.error(`admin endpoint: ${MeshError.from(error).message}`);
    return new MeshError('unexpected', 'this should not have happened; the log of the service has more', { code: 'INTERNAL' });
  }

  /** Not even a request: bytes that are no HTTP, or that come too slowly, or headers too large. */
  #onClientError({ code }: NodeJS.ErrnoException, socket: Socket): void {
    const [status, phrase] = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? [408, 'Request Timeout'] : code === 'HPE_HEADER_OVERFLOW' ? [431, 'Request Header Fields Too Large'] : [400, 'Bad Request'];
    if (code !== 'ECONNRESET') this.#journal.refused({ error: new MeshError('admin_request_invalid', phrase.toLowerCase()), status, address: addressOf(socket), method: '_OTHER', route: '_OTHER' });
    if (!socket.writable || code === 'ECONNRESET') return void socket.destroy();
    socket.end(`HTTP/1.1 ${status} ${phrase}\r\nConnection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n`, () => socket.destroy());
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const where = `${host}:${port}`;
      reject(
        error.code === 'EADDRINUSE'
          ? new MeshError('port_in_use', `admin.port: something already listens on ${where}; choose another port, or 0 for any free one`, { cause: error })
          : new MeshError('listen_failed', `admin: cannot listen on ${where}: ${error.message}`, { cause: error }),
      );
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/** Path without a slash at its end, and query. The address may be one of another server: a proxy is asked like that, and this is none. */
function targetOf(url = ''): [path: string | undefined, query: URLSearchParams] {
  const [path = '', ...rest] = url.split('?');
  return [path.startsWith('/') ? path.replace(/(?<=.)\/$/, '') : undefined, new URLSearchParams(rest.join('?'))];
}

/** What is not there was not refused. */
const isRefusal = ({ status }: AdminAnswer): boolean => status >= 400 && status < 500 && status !== 404 && status !== 409;

const addressOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress ?? '?'}:${remotePort ?? '?'}`;
