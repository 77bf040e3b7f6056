import type { IncomingMessage, ServerResponse } from 'node:http';
import { methodNotAllowed, notFound, probeAnswer, type ProbeAnswer } from './probe-answer.js';
import { completeProbesOptions, type ProbesOptions } from './probe-options.js';
import { ProbedSource, type ProbeSource } from './probe-source.js';

/** What of a Fastify instance is used. */
export interface FastifyLike {
  route(options: { method: string[]; url: string; handler(request: { readonly method: string }, reply: FastifyReplyLike): Promise<unknown> }): unknown;
}

/** What of a Fastify reply is used. */
export interface FastifyReplyLike {
  code(status: number): unknown;
  headers(values: Record<string, string>): unknown;
  send(body: Uint8Array): unknown;
}

/** What of a Hono context is used. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request };
}

/** The probes, for whatever serves them: which it is, its arguments tell. */
export interface ProbeHandler {
  /** node:http's listener, and middleware of Express and its like: what is no probe goes to `next`, or is a 404 where there is none. */
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /** A Fastify plugin: `fastify.register(probes(mesh))`. */
  (fastify: FastifyLike, options: object, done: (error?: Error) => void): void;
  /** Hono middleware: `app.use(probes(mesh))`. */
  (context: HonoContextLike, next: () => Promise<void>): Promise<Response | undefined>;
  /** Whatever serves by the Fetch API. */
  (request: Request): Promise<Response>;
}

type Arguments = readonly [first: IncomingMessage | FastifyLike | HonoContextLike | Request, second?: unknown, third?: unknown];

/**
 * HTTP probes, in the sense of Kubernetes (docs/health.md), as one function for node:http, Express, Fastify and Hono: `/health/live`, `/health/ready`, `/health/startup`.
 * 200 or 503, `application/health+json`, never cached; nothing of hosts or errors in the body unless `details` asks for it. A probe waits 50 ms at most.
 * @throws MeshError `invalid_option` that names every problem
 */
export function probes(source: ProbeSource, options: ProbesOptions = {}): ProbeHandler {
  const { byPath, details } = completeProbesOptions(options);
  const probed = new ProbedSource(source);

  /** `undefined` where the path is no probe's. */
  const answerTo = (method: string, path: string): Promise<ProbeAnswer> | undefined => {
    const probe = byPath.get(path) ?? (path.length > 1 && path.endsWith('/') ? byPath.get(path.slice(0, -1)) : undefined);
    if (probe === undefined) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return Promise.resolve(methodNotAllowed);
    return probed.find(probe).then((finding) => probeAnswer(finding, details, probed.serviceId));
  };
  const overHttp = (request: IncomingMessage, response: ServerResponse, next: unknown): void => {
    const answer = answerTo(request.method ?? 'GET', pathOf(request.url));
    if (answer !== undefined) void answer.then((found) => send(response, request.method, found));
    else if (typeof next === 'function') (next as () => void)();
    else send(response, request.method, notFound);
  };
  const overFetch = (request: Request): Promise<Response> | undefined => answerTo(request.method, new URL(request.url).pathname)?.then((found) => responseOf(request.method, found));
  const inFastify = (fastify: FastifyLike, done: unknown): void => {
    for (const url of byPath.keys()) {
      // All methods, so that the others are a 405 and not Fastify's 404.
      fastify.route({
        method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
        url,
        handler: async ({ method }, reply) => {
          const { code, headers, body } = (await answerTo(method, url)) ?? notFound;
          reply.code(code);
          reply.headers({ ...headers });
          // As bytes: to a text Fastify adds a charset, which this type does not have. Node leaves the body out of an answer to HEAD.
          return reply.send(Buffer.from(body));
        },
      });
    }
    (done as () => void)();
  };

  const handler = (...[first, second, third]: Arguments): unknown => {
    if (isFastify(first)) return inFastify(first, third);
    if (isHono(first)) return overFetch(first.req.raw) ?? (second as () => Promise<void>)();
    if (isNodeResponse(second)) return overHttp(first as IncomingMessage, second, third);
    return overFetch(first as Request) ?? Promise.resolve(responseOf('GET', notFound));
  };
  return handler as ProbeHandler;
}

/** Of a request line: never `new URL`, which throws at what a stranger may send. */
const pathOf = (url = '/'): string => url.split(/[?#]/, 1)[0] as string;

function send(response: ServerResponse, method: string | undefined, { code, headers, body }: ProbeAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(code, { ...headers });
  response.end(method === 'HEAD' ? undefined : body);
}

const responseOf = (method: string, { code, headers, body }: ProbeAnswer): Response => new Response(method === 'HEAD' || body === '' ? null : body, { status: code, headers: { ...headers } });

const isFastify = (first: unknown): first is FastifyLike => typeof (first as Partial<FastifyLike>).route === 'function' && typeof (first as { register?: unknown }).register === 'function';

const isHono = (first: unknown): first is HonoContextLike => typeof (first as { req?: { raw?: unknown } }).req?.raw === 'object';

const isNodeResponse = (second: unknown): second is ServerResponse => typeof (second as Partial<ServerResponse> | undefined)?.writeHead === 'function';
