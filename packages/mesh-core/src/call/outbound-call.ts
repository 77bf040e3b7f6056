import { MeshError, type CallMetadata, type Clock, type Interceptor, type OwnAuditSink, type TraceContext } from '@lemur-bookstores/mesh-interface';
import type { EndpointSet, SessionWaiter } from '../endpoint/endpoint-set.js';
import type { DeadlineWheel } from '../session/deadline-wheel.js';
import { PendingCall, type OutboundSession } from '../session/outbound-session.js';
import { decodeBody, encodeBody, type Codec } from '../wire/body.js';
import { BODY_KIND_MASK } from '../wire/message.js';
import { encodeRequestExtras } from '../wire/request.js';
import { abortListeners, type Abortable } from './abort-listeners.js';
import type { CallStatistics, MethodStatistics } from './call-statistics.js';

/** Options of one call. */
export interface CallOptions {
  /** Total time for the call, in ms, everything included. Default: the mesh's `resilience.timeoutMs`, 30,000. */
  readonly timeoutMs?: number;
  /** Cancels the call, also at the peer. */
  readonly signal?: AbortSignal;
  /** Text values for the handler's context; 8 KiB together at most. */
  readonly metadata?: CallMetadata;
  readonly trace?: TraceContext;
}

/** What the outbound path needs. */
export interface CallOutParts {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly statistics: CallStatistics;
  readonly audit: OwnAuditSink;
  readonly interceptors: readonly Interceptor[];
  readonly maxMessageBytes: number;
  readonly defaultTimeoutMs: number;
  readonly codec: Codec | undefined;
  /** @throws MeshError while the mesh takes no calls */
  assertOpen(): void;
}

/** A method of a service, as its caller knows it. */
export interface OutboundMethod {
  readonly name: string;
  readonly encoded: Buffer;
  readonly statistics: MethodStatistics;
  /** What an audit event says of the call; frozen, and the same object for all: an audit logger then redacts it once. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** One call on its way: ends exactly once, with a result, an error or its deadline. */
export class OutboundCall extends PendingCall implements SessionWaiter, Abortable {
  flags = 0;
  extras: Buffer | undefined;
  body: string | Uint8Array | undefined;
  readonly #parts: CallOutParts;
  readonly #endpoints: EndpointSet;
  readonly #method: OutboundMethod;
  readonly #startedAt: number;
  readonly #deadline: number;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: MeshError) => void;
  #trace: TraceContext | undefined;
  /** Where it was written; `undefined` while it waits for a session. */
  #session: OutboundSession | undefined;
  #done = false;

  constructor(
    parts: CallOutParts,
    endpoints: EndpointSet,
    method: OutboundMethod,
    deadline: number,
    signal: AbortSignal | undefined,
    resolve: (value: unknown) => void,
    reject: (error: MeshError) => void,
  ) {
    super();
    this.#parts = parts;
    this.#endpoints = endpoints;
    this.#method = method;
    this.#deadline = deadline;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#startedAt = parts.clock.monotonic();
  }

  get method(): Buffer {
    return this.#method.encoded;
  }

  start(input: unknown, options: CallOptions | undefined): void {
    const { statistics, wheel, codec, maxMessageBytes } = this.#parts;
    statistics.started(this.#method.statistics);
    try {
      const { kind, data } = encodeBody(input, codec);
      this.body = data;
      if (data !== undefined && data.length * 3 + 1024 > maxMessageBytes) this.#checkSize(data);
      if (options?.metadata !== undefined || options?.trace !== undefined) {
        const { flags, bytes } = encodeRequestExtras(options.metadata, options.trace);
        this.flags = flags;
        this.extras = bytes;
        this.#trace = options.trace;
      }
      this.flags |= kind;
      if (this.#signal?.aborted === true) throw new MeshError('cancelled', 'the call was cancelled before it was sent', { cause: this.#signal.reason, mayHaveRun: false });
    } catch (error) {
      return this.#end(MeshError.from(error), undefined);
    }
    if (this.#signal !== undefined) abortListeners.add(this.#signal, this);
    wheel.add(this, this.#deadline);
    this.#dispatch(this.#startedAt);
  }

  onSession(session: OutboundSession): void {
    if (this.#done) return;
    const timeoutMs = Math.ceil(this.#deadline - this.#parts.clock.monotonic());
    if (timeoutMs <= 0) return this.onDeadline();
    try {
      this.#session = session;
      session.send(this, timeoutMs);
    } catch (error) {
      this.#session = undefined;
      this.#end(MeshError.from(error), undefined);
    }
  }

  onNoSession(error: MeshError): void {
    this.#end(error, undefined);
  }

  onResponse(flags: number, buffer: Buffer, start: number, end: number): void {
    let value: unknown;
    try {
      value = decodeBody(flags & BODY_KIND_MASK, buffer, start, end, this.#parts.codec);
    } catch (error) {
      return this.#end(new MeshError('result_invalid', MeshError.from(error).text, { cause: error, mayHaveRun: true }), undefined);
    }
    this.#end(undefined, value);
  }

  onFailure(error: MeshError): void {
    this.#end(error, undefined);
  }

  /** PROTOCOL 1.5: an authenticated GOAWAY says that it has not run. Another session may take it. */
  onNotProcessed(): void {
    this.#session = undefined;
    if (!this.#done) this.#dispatch(this.#parts.clock.monotonic());
  }

  onDeadline(): void {
    const written = this.#leave();
    const waitedMs = Math.round(this.#parts.clock.monotonic() - this.#startedAt);
    this.#end(new MeshError('deadline_exceeded', `no answer to '${this.#method.name}' of ${this.#endpoints.serviceId} within ${waitedMs} ms`, { mayHaveRun: written }), undefined);
  }

  onAbort(): void {
    const written = this.#leave();
    this.#end(new MeshError('cancelled', 'the call was cancelled', { cause: this.#signal?.reason, mayHaveRun: written }), undefined);
  }

  #dispatch(now: number): void {
    const session = this.#endpoints.pick(now);
    if (session === undefined) this.#endpoints.wait(this);
    else this.onSession(session);
  }

  /** Nobody waits any more. @returns whether it may have run */
  #leave(): boolean {
    this.#endpoints.leave(this);
    if (this.#session === undefined) return false;
    return !this.#session.abandon(this);
  }

  #checkSize(data: string | Uint8Array): void {
    const bytes = (typeof data === 'string' ? Buffer.byteLength(data) : data.length) + 1024;
    const { maxMessageBytes } = this.#parts;
    if (bytes > maxMessageBytes) {
      throw new MeshError('body_too_large', `the input has ${bytes - 1024} bytes; a message of ${maxMessageBytes} leaves room for ${maxMessageBytes - 1024}`, { mayHaveRun: false, retryable: false });
    }
  }

  #end(error: MeshError | undefined, value: unknown): void {
    if (this.#done) return;
    this.#done = true;
    const { clock, wheel, statistics, audit } = this.#parts;
    wheel.remove(this);
    if (this.#signal !== undefined) abortListeners.remove(this.#signal, this);
    const now = clock.monotonic();
    const duration = now - this.#startedAt;
    statistics.ended(this.#method.statistics, duration, error?.code, now);
    if (audit.enabled) this.#record(audit, duration, error);
    if (error === undefined) this.#resolve(value);
    else this.#reject(error);
  }

  #record(audit: OwnAuditSink, duration: number, error: MeshError | undefined): void {
    const { metadata } = this.#method;
    audit.record({
      eventType: 'message',
      targetServiceId: this.#endpoints.serviceId,
      details:
        error === undefined
          ? { action: 'message.sent', success: true, duration, metadata }
          : { action: 'message.failed', success: false, duration, error: error.message, metadata: { ...metadata, code: error.code, reason: error.reason } },
      ...(this.#trace === undefined ? {} : { trace: this.#trace }),
    });
  }
}
