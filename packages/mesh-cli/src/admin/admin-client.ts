import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { JsonValue } from './json-value.js';

const MAX_ANSWER_BYTES = 16 * 1_048_576;
/** Reasons and texts of a stranger are shown, but not at any length. */
const MAX_TEXT_LENGTH = 500;

/** `details` of an error that the mesh itself gave, whatever its reason. */
export const FROM_MESH = Object.freeze({ from: 'mesh' });

/** Whom to ask, and how. */
export interface AdminClientOptions {
  readonly url: URL;
  readonly token: string | undefined;
  /** For the whole answer. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What was answered. */
export interface AdminReply {
  readonly status: number;
  readonly body: JsonValue;
}

interface RawReply {
  readonly status: number;
  readonly text: string;
}

/** Asks the admin endpoint of a mesh. Follows no redirect, waits for no longer than it is told, and takes no more than 16 MiB. */
export class AdminClient {
  readonly #options: AdminClientOptions;

  constructor(options: AdminClientOptions) {
    this.#options = options;
  }

  /**
   * @param accepted other statuses than 200 that are an answer
   * @throws MeshError what the endpoint answered with, `admin_unreachable`, `admin_answer_invalid`
   */
  async get(path: string, accepted: readonly number[] = []): Promise<AdminReply> {
    return this.#judged(await this.#ask('GET', path, undefined), path, accepted);
  }

  /** @throws MeshError as {@link AdminClient.get} */
  async post(path: string, body: unknown): Promise<AdminReply> {
    return this.#judged(await this.#ask('POST', path, JSON.stringify(body)), path, []);
  }

  #judged({ status, text }: RawReply, path: string, accepted: readonly number[]): AdminReply {
    const body = JsonValue.parse(text);
    if (body === undefined) throw this.#notOurs(`answered ${path} with status ${status} and what is no JSON`);
    if (status === 200 || accepted.includes(status)) return { status, body };
    const error = body.at('error');
    const [reason, message] = [error.at('reason').text(), error.at('message').text()];
    if (status < 400 || reason === undefined || message === undefined) throw this.#notOurs(`answered ${path} with status ${status}`);
    throw new MeshError(reason.slice(0, MAX_TEXT_LENGTH), message.slice(0, MAX_TEXT_LENGTH), { details: FROM_MESH });
  }

  #ask(method: string, path: string, body: string | undefined): Promise<RawReply> {
    const { url, token, timeoutMs, clock } = this.#options;
    const headers = {
      Accept: 'application/json, application/health+json',
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
    };
    return new Promise((resolve, reject) => {
      // Never as a relative address: with two slashes first it would be another host's, and the token with it.
      const target = new URL(url);
      target.pathname = url.pathname.replace(/\/$/, '') + path;
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(target, { method, headers, agent: false }, (response) => {
        void this.#read(response, path).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject).finally(() => {
          timer.cancel();
          request.destroy();
        });
      });
      const timer = clock.setTimeout(() => request.destroy(new MeshError('admin_unreachable', `no answer from ${url.origin} within ${timeoutMs / 1_000} s: is it a mesh, and does it do anything?`)), timeoutMs);
      request.on('error', (error) => {
        timer.cancel();
        reject(MeshError.is(error) ? error : new MeshError('admin_unreachable', `cannot ask ${url.origin}: ${reasonOf(error)}; the mesh needs the option admin, and listens on its own machine by default`, { cause: error }));
      });
      request.end(body);
    });
  }

  async #read(response: IncomingMessage, path: string): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) throw this.#notOurs(`answered ${path} with more than ${MAX_ANSWER_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #notOurs(what: string): MeshError {
    return new MeshError('admin_answer_invalid', `${this.#options.url.origin} is no admin endpoint of a mesh: it ${what}`);
  }
}

/** Of all addresses of a name, Node.js tells the failures in a list. */
function reasonOf(error: Error): string {
  const { errors, message } = error as AggregateError;
  return message === '' && Array.isArray(errors) ? [...new Set((errors as Error[]).map((each) => each.message))].join(', ') : message;
}
