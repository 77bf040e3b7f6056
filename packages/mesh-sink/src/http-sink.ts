import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { AnswerText } from './answer-text.js';
import { Credential } from './credential.js';
import type { SinkAnswer } from './sink-answer.js';

/** Options of an {@link HttpSink}. */
export interface HttpSinkOptions {
  /** Whom it talks to, for its errors: `Datadog`. */
  readonly noun: string;
  readonly userAgent: string;
  /** Asked for each request: an adapter learns of the mesh's clock after it is made. */
  readonly clock: () => Clock;
  /** For connections of the user's own making, through a proxy say; it is never closed. Default: one that keeps them alive. */
  readonly agent?: HttpAgent | undefined;
  /** PEM. Instead of the CAs that Node.js knows. */
  readonly ca?: string | readonly string[] | undefined;
  /** How long a request may take, its answer included, in ms. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** As much of an answer is read. Default 65,536. */
  readonly maxAnswerBytes?: number | undefined;
  /** Connections to one service. Default 4. */
  readonly maxSockets?: number | undefined;
  /** Taken out of answers beside those in headers: what stands in bodies. */
  readonly secrets?: readonly Credential[] | undefined;
}

/** One request. */
export interface SinkRequest {
  readonly url: URL;
  /** Default `POST`. */
  readonly method?: 'POST' | 'PUT' | 'GET' | 'DELETE' | undefined;
  readonly headers: Readonly<Record<string, string | Credential>>;
  readonly body: string | Uint8Array;
  /** Default false. */
  readonly gzip?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const compress = promisify(gzip);
/** A third of the time of the default level, for a tenth more bytes. */
const GZIP_LEVEL = 3;

/**
 * Requests to a service whose answers nobody trusts: in a bounded time, with a bounded answer, no redirect followed, certificates always verified. Connections are
 * kept for the next request and keep no process alive.
 */
export class HttpSink {
  readonly #options: HttpSinkOptions;
  readonly #timeoutMs: number;
  readonly #own = new Map<string, HttpAgent>();
  #isClosed = false;

  constructor(options: HttpSinkOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /**
   * Resolves with whatever the service answered.
   * @throws MeshError `adapter_failed` (not reached, cut off; closed: not retryable), `adapter_timeout`, the others retryable; the signal's reason
   */
  async send(request: SinkRequest): Promise<SinkAnswer> {
    request.signal?.throwIfAborted();
    const body = request.gzip === true ? await compress(request.body, { level: GZIP_LEVEL }) : Buffer.from(request.body);
    request.signal?.throwIfAborted();
    return this.#exchange(request, body, this.#options.clock().monotonic() + this.#timeoutMs, true);
  }

  /** Ends the connections, and the requests under way with them. There are no further ones. */
  close(): void {
    this.#isClosed = true;
    for (const agent of this.#own.values()) agent.destroy();
    this.#own.clear();
  }

  #exchange(request: SinkRequest, body: Uint8Array, endAt: number, isFirst: boolean): Promise<SinkAnswer> {
    const { url, method = 'POST', signal } = request;
    const { noun, clock, maxAnswerBytes = 65_536 } = this.#options;
    const where = `${noun} at ${url.origin}`;
    return new Promise<SinkAnswer>((resolve, reject) => {
      if (this.#isClosed) throw new MeshError('adapter_failed', `${where} is asked no more: its connections are closed`, { retryable: false });
      const outgoing = this.#begin(request, method, where, body);
      let isOver = false;
      // The first word counts: a request that is destroyed says something of its own.
      const end = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        settle();
      };
      /** At once: one that waits for a free connection says nothing of its end before it has one. */
      const giveUp = (reason: Error): void => {
        end(() => reject(reason));
        outgoing.destroy();
      };
      let answered = false;
      const failed = (cause: Error): void =>
        end(() => {
          // The service closed a connection that it had kept for long, just as we used it again.
          if (isFirst && !answered && outgoing.reusedSocket) resolve(this.#exchange(request, body, endAt, false));
          else reject(unreachable(where, cause));
        });
      const abort = (): void => giveUp(signal?.reason as Error);
      const late = (): void => giveUp(new MeshError('adapter_timeout', `${where} did not answer within ${this.#timeoutMs} ms`, { retryable: true }));
      const timer = clock().setTimeout(late, Math.max(0, endAt - clock().monotonic()));
      signal?.addEventListener('abort', abort, { once: true });
      outgoing.on('socket', (socket) => void socket.unref());
      outgoing.on('error', failed);
      // Also what Node.js says nothing of: a service that goes on to another protocol.
      outgoing.on('close', () => void (answered || failed(new Error('the connection has ended without an answer'))));
      outgoing.on('response', (response: IncomingMessage) => {
        answered = true;
        const text = new AnswerText(maxAnswerBytes, this.#secretsOf(request));
        const done = (): void => {
          end(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: text.read(), truncated: text.truncated }));
          // A service that answers before it has read everything may never read the rest: the connection would be taken for ever.
          if (!response.complete || !outgoing.writableFinished) outgoing.destroy();
        };
        // No more than that, whatever it is: the connection goes with the rest.
        response.on('data', (chunk: Buffer) => void (text.add(chunk) || done()));
        response.on('error', failed);
        response.on('end', () => (response.complete ? done() : failed(new Error('its answer was cut off'))));
      });
      outgoing.end(body);
    });
  }

  /** @throws MeshError where the agent is none for such a URL, or a header cannot be one */
  #begin(request: SinkRequest, method: string, where: string, body: Uint8Array): ClientRequest {
    const { url } = request;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    try {
      return send(url, { method, headers: this.#headersOf(request, body), agent: this.#options.agent ?? this.#agentFor(url.protocol), ...this.#trust(url) });
    } catch (cause) {
      throw unreachable(where, cause as Error);
    }
  }

  #headersOf({ headers, gzip: gzipped }: SinkRequest, body: Uint8Array): Record<string, string | number> {
    const sent: Record<string, string | number> = { 'user-agent': this.#options.userAgent, 'accept-encoding': 'identity', 'content-length': body.byteLength };
    for (const [name, value] of Object.entries(headers)) sent[name] = value instanceof Credential ? value.reveal() : value;
    if (gzipped === true) sent['content-encoding'] = 'gzip';
    return sent;
  }

  #secretsOf({ headers }: SinkRequest): Credential[] {
    return [...(this.#options.secrets ?? []), ...Object.values(headers).filter((value) => value instanceof Credential)];
  }

  /** Also where the environment asks Node.js not to verify. */
  #trust(url: URL): object {
    if (url.protocol !== 'https:') return {};
    const { ca } = this.#options;
    return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }) };
  }

  #agentFor(protocol: string): HttpAgent {
    const known = this.#own.get(protocol);
    if (known !== undefined) return known;
    const options = { keepAlive: true, maxSockets: this.#options.maxSockets ?? 4 };
    const agent = protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
    this.#own.set(protocol, agent);
    return agent;
  }
}

const unreachable = (where: string, cause: Error): MeshError => new MeshError('adapter_failed', `${where} cannot be reached: ${saidBy(cause)}`, { retryable: true });

/** Where a name has several addresses the error has no text of its own. */
function saidBy(cause: Error): string {
  if (cause.message !== '') return cause.message;
  const { errors, code } = cause as { readonly errors?: readonly Error[]; readonly code?: string };
  return errors?.[0]?.message ?? code ?? cause.name;
}
