import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { Credential, userAgentOf, type SinkAnswer } from '@lemur-bookstores/mesh-sink';
import { elasticFailure } from './elastic-failure.js';
import { pinnedCaConnector } from './pinned-ca.js';
import type { ElasticsearchClient, ElasticsearchSettings } from './elasticsearch-adapter-options.js';
import { VERSION } from './version.js';

/** One request of Elasticsearch's REST API. */
export interface ElasticRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** JSON, or lines of it. */
  readonly body?: string | undefined;
  /** `body` is lines of JSON: a bulk. */
  readonly isLines?: boolean | undefined;
  /** As much of the answer is read. */
  readonly maxAnswerBytes: number;
  readonly signal: AbortSignal;
}

/** The answer, and which node gave it. Its text is as it came: what is shown of it goes through `redact` first. */
export interface ElasticAnswer extends SinkAnswer {
  /** `Elasticsearch at https://…`, for errors. */
  readonly where: string;
}

/** What `transport.request` gives with `meta` and `asStream`. */
interface RawAnswer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Buffer | string>;
  readonly meta?: { readonly connection?: { readonly url?: URL } | null };
}

const compress = promisify(gzip);
/** The fastest: on one machine the server takes as long to inflate as the lowest level to deflate. */
const GZIP_LEVEL = 1;
/** REST compatibility: 8.x takes it as its own, 9.x as that of a client of the version before. */
const JSON_TYPE = 'application/vnd.elasticsearch+json; compatible-with=8';
const LINES_TYPE = 'application/vnd.elasticsearch+x-ndjson; compatible-with=8';
const USER_AGENT = userAgentOf('adapter-elasticsearch', VERSION);
/**
 * Headers are taken out of the client's errors, which nobody sees here. Its default copies the whole request into each error, the body byte by byte: 6 s for 4 MB, in which nothing else
 * runs.
 */
const REDACTION = { type: 'remove' } as const;
/** Deliveries have deadlines of their own; this one is for what has none. */
const REQUEST_TIMEOUT_MS = 30_000;
/** What is shorter than this, in what should be an API key, is none: taking it out would take apart what the server says. */
const MIN_SECRET = 8;

/**
 * The client of `@elastic/elasticsearch`, used for its pool of nodes and its connections: what comes of a request is told in our own words, answers are read up to a bound, and
 * no error of the client's, which carries headers, leaves here.
 */
export class ElasticConnection {
  /** How many nodes there are to try; of a client of the user's own nobody knows. */
  readonly nodes: number;
  readonly #settings: ElasticsearchSettings;
  readonly #clock: () => Clock;
  readonly #secrets: readonly Credential[];
  #client: Promise<ElasticsearchClient & { close?(): Promise<void> }> | undefined;

  /** @param clock asked when needed: an adapter learns of the mesh's after it is made */
  constructor(settings: ElasticsearchSettings, clock: () => Clock) {
    this.#clock = clock;
    this.#settings = settings;
    this.#secrets = secretsOf(settings);
    this.nodes = Math.max(1, settings.nodes.length);
  }

  /**
   * Resolves with whatever was answered. One node, one try.
   * @throws MeshError `adapter_failed` (not reached, cut off, no Elasticsearch), `adapter_timeout`, both retryable; the signal's reason
   */
  async send(request: ElasticRequest): Promise<ElasticAnswer> {
    const { signal, body, maxAnswerBytes } = request;
    signal.throwIfAborted();
    const isGzipped = body !== undefined && this.#settings.compression && body.length > 1_000;
    const sent = body === undefined ? undefined : isGzipped ? await compress(body, { level: GZIP_LEVEL }) : Buffer.from(body);
    const type = request.isLines === true ? LINES_TYPE : JSON_TYPE;
    const headers = {
      accept: JSON_TYPE,
      // What is compressed has no bound.
      'accept-encoding': 'identity',
      'user-agent': USER_AGENT,
      ...(sent === undefined ? {} : { 'content-type': type, ...(isGzipped ? { 'content-encoding': 'gzip' } : {}) }),
    };
    try {
      const { transport } = await (this.#client ??= this.#connect());
      const answer = (await transport.request(
        { method: request.method, path: request.path, ...(request.query === undefined ? {} : { querystring: request.query }), ...(sent === undefined ? {} : { body: sent }) },
        { headers, signal, asStream: true, meta: true, maxRetries: 0, compression: false, redaction: REDACTION },
      )) as RawAnswer;
      const { text, truncated } = await read(answer, maxAnswerBytes);
      this.#markAlive(transport, answer);
      const { url } = answer.meta?.connection ?? {};
      return { status: answer.statusCode, headers: answer.headers, text, truncated, where: url === undefined ? 'Elasticsearch' : `Elasticsearch at ${url.origin}` };
    } catch (error) {
      throw this.#failureOf(error, signal);
    }
  }

  /** The same at each node in turn, until one answers: for what may be asked twice. */
  async ask(request: ElasticRequest): Promise<ElasticAnswer> {
    for (let left = this.nodes - 1; ; left--) {
      try {
        return await this.send(request);
      } catch (error) {
        if (left === 0 || request.signal.aborted) throw error;
      }
    }
  }

  /** What an answer that is no success means; `undefined` for 2xx. @param failureOf how it is read */
  failureIn(answer: ElasticAnswer, failureOf = elasticFailure): MeshError | undefined {
    if (answer.status >= 200 && answer.status < 300) return undefined;
    return failureOf({ ...answer, text: this.redact(answer.text) }, answer.where, this.#clock().now());
  }

  /** What a server said, without the credentials that it may have repeated. Not for what is read as data: an event may have a word in it that is somebody's password. */
  redact(text: string): string {
    return this.#secrets.reduce((said, secret) => secret.redact(said), text);
  }

  /** Ends the connections; not those of a client of the user's own. */
  async close(): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#settings.client !== undefined) return;
    await (await client.catch(() => undefined))?.close?.();
  }

  async #connect(): Promise<ElasticsearchClient> {
    const { client, nodes, credentials, tls } = this.#settings;
    if (client !== undefined) return client;
    // Here, and not at the top: it takes its time to load, and who constructs an adapter need not wait for it.
    const { Client } = await import('@elastic/elasticsearch');
    const own = {
      rejectUnauthorized: true,
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert, key: tls.key?.reveal() }),
      ...(tls?.passphrase === undefined ? {} : { passphrase: tls.passphrase.reveal() }),
    };
    const isHttps = nodes.some(({ protocol }) => protocol === 'https:');
    return new Client({
      nodes: nodes.map(String),
      maxRetries: 0,
      requestTimeout: REQUEST_TIMEOUT_MS,
      ...(credentials === undefined ? {} : { auth: credentials.kind === 'basic' ? { username: credentials.username, password: credentials.password.reveal() } : credentials.kind === 'apiKey' ? { apiKey: credentials.value.reveal() } : { bearer: credentials.value.reveal() } }),
      ...(tls?.fingerprint !== undefined ? { agent: { connect: pinnedCaConnector(tls.fingerprint, own, () => this.#clock().now()) } as object } : isHttps ? { tls: own } : {}),
    });
  }

  /** With `asStream` the client leaves this out, and a node that failed some times would never be used again. */
  #markAlive(transport: object, { meta }: RawAnswer): void {
    const { connectionPool } = transport as { connectionPool?: { markAlive?(connection: unknown): void } };
    if (meta?.connection !== undefined && meta.connection !== null) connectionPool?.markAlive?.(meta.connection);
  }

  #failureOf(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const { name, message } = error as Partial<Error>;
    const said = this.redact(String(message)).slice(0, 300);
    if (name === 'TimeoutError') return new MeshError('adapter_timeout', `Elasticsearch did not answer within ${REQUEST_TIMEOUT_MS} ms`, { retryable: true });
    if (name === 'ProductNotSupportedError') {
      return new MeshError('adapter_failed', 'what answered is no Elasticsearch: its answer has no header x-elastic-product. Is there a proxy that leaves it out, or another product?', { retryable: true });
    }
    // No cause: the client's errors carry the request with its headers.
    return new MeshError('adapter_failed', `Elasticsearch cannot be reached: ${said}`, { retryable: true });
  }
}

/** An answer that is longer than the bound is cut, and the connection goes with the rest. */
async function read({ body, headers }: RawAnswer, maxBytes: number): Promise<{ readonly text: string; readonly truncated: boolean }> {
  const chunks: Buffer[] = [];
  let room = maxBytes;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk as Buffer);
    chunks.push(bytes.subarray(0, room));
    room -= bytes.length;
    if (room < 0) break;
  }
  const isReadable = (headers['content-encoding'] ?? 'identity') === 'identity';
  const text = isReadable ? Buffer.concat(chunks).toString('utf8') : '';
  return { text, truncated: room < 0 };
}

/** In each form in which a server could say them again. */
function secretsOf({ credentials }: ElasticsearchSettings): readonly Credential[] {
  if (credentials === undefined) return [];
  if (credentials.kind === 'basic') {
    const pair = `${credentials.username}:${credentials.password.reveal()}`;
    return [credentials.password, new Credential(Buffer.from(pair).toString('base64'))];
  }
  // An API key is base64 of `id:api_key`; the id is no secret.
  const [, key = ''] = credentials.kind === 'apiKey' ? Buffer.from(credentials.value.reveal(), 'base64').toString('latin1').split(':') : [];
  return [credentials.value, ...(key.length < MIN_SECRET ? [] : [new Credential(key)])];
}
