import {
  MeshError,
  type CallMetadata,
  type Clock,
  type InterceptedCall,
  type Interceptor,
  type Logger,
  type OwnAuditEvent,
  type OwnAuditSink,
  type PeerIdentity,
  type TraceContext,
} from '@lemur-bookstores/mesh-interface';
import { WheelEntry, type DeadlineWheel } from '../session/deadline-wheel.js';
import type { InboundRequest, InboundSession } from '../session/inbound-session.js';
import { encodeBody, type Codec, type EncodedBody } from '../wire/body.js';
import { MessageKind } from '../wire/message.js';
import { NO_METADATA, type RequestHead } from '../wire/request.js';
import type { CallStatistics, MethodStatistics } from './call-statistics.js';
import type { Denials } from './denials.js';
import type { AnyHandler, HandlerContext, Handlers } from './handlers.js';
import { runThrough } from './interceptor-chain.js';

/** What the inbound path needs. */
export interface CallInParts {
  readonly serviceId: string;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly handlers: Handlers;
  readonly statistics: CallStatistics;
  readonly audit: OwnAuditSink;
  readonly denials: Denials;
  readonly logger: Logger;
  readonly interceptors: readonly Interceptor[];
  readonly maxMessageBytes: number;
  readonly codec: Codec | undefined;
}

/** One request being handled: answered exactly once, or not at all once its caller has gone. */
export class InboundCall extends WheelEntry implements InboundRequest, HandlerContext {
  readonly method: string;
  readonly metadata: CallMetadata;
  readonly trace?: TraceContext;
  readonly #parts: CallInParts;
  readonly #session: InboundSession;
  readonly #id: number;
  readonly #series: MethodStatistics;
  readonly #startedAt: number;
  readonly #timeoutMs: number;
  #abort: AbortController | undefined;
  #cancelled: MeshError | undefined;
  #done = false;

  /** @param method a registered one, or `_OTHER`; not `series.method`, which is `_OTHER` once there are too many series */
  constructor(parts: CallInParts, session: InboundSession, id: number, head: RequestHead | undefined, method: string, series: MethodStatistics) {
    super();
    this.#parts = parts;
    this.#session = session;
    this.#id = id;
    this.method = method;
    this.#series = series;
    this.#startedAt = parts.clock.monotonic();
    this.#timeoutMs = head?.timeoutMs ?? 0;
    this.metadata = head?.metadata ?? NO_METADATA;
    if (head?.trace !== undefined) this.trace = head.trace;
  }

  get peer(): PeerIdentity {
    return this.#session.peer;
  }

  get deadline(): number {
    return this.#parts.clock.now() + this.remainingMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#startedAt + this.#timeoutMs - this.#parts.clock.monotonic());
  }

  /** Made when it is asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cancelled !== undefined) this.#abort.abort(this.#cancelled);
    }
    return this.#abort.signal;
  }

  /** Answers without running anything. */
  refuse(error: MeshError): void {
    this.#parts.statistics.started(this.#series);
    this.#fail(error, true);
  }

  run(handler: AnyHandler, input: unknown): void {
    const { statistics, wheel, interceptors } = this.#parts;
    statistics.started(this.#series);
    this.#session.calls.set(this.#id, this);
    wheel.add(this, this.#startedAt + this.#timeoutMs);
    try {
      const result = interceptors.length === 0 ? handler(input, this) : this.#intercepted(handler, input);
      if (isThenable(result)) result.then(this.#onResult, this.#onThrow);
      else this.#onResult(result);
    } catch (error) {
      this.#onThrow(error);
    }
  }

  cancel(reason: MeshError): void {
    this.#cancelled = reason;
    this.#abort?.abort(reason);
    this.#end(reason);
  }

  /** The caller has given up by its own clock: nothing is sent, the handler is told. */
  onDeadline(): void {
    this.cancel(new MeshError('deadline_exceeded', `'${this.method}' did not answer within the caller's ${this.#timeoutMs} ms`));
    this.#session.forget(this.#id);
  }

  #intercepted(handler: AnyHandler, input: unknown): Promise<unknown> {
    const { serviceId, interceptors } = this.#parts;
    const { method, metadata, signal, peer, trace } = this;
    const call: InterceptedCall = { direction: 'inbound', service: serviceId, method, input, metadata, deadline: this.#startedAt + this.#timeoutMs, signal, peer, ...(trace === undefined ? {} : { trace }) };
    return runThrough(interceptors, call, (last) => Promise.resolve(handler(last.input, this)));
  }

  readonly #onResult = (result: unknown): void => {
    if (this.#done) return;
    let encoded: EncodedBody;
    try {
      encoded = encodeBody(result, this.#parts.codec);
      this.#checkSize(encoded);
    } catch (error) {
      const failure = MeshError.from(error);
      this.#parts.logger.error(`the result of '${this.method}' cannot be sent: ${failure.text}`);
      return this.#fail(failure.reason === 'body_invalid' ? new MeshError('result_invalid', 'the result cannot be encoded') : failure, false);
    }
    this.#end(undefined);
    this.#session.reply(MessageKind.response, encoded.kind, this.#id, encoded.data);
  };

  readonly #onThrow = (error: unknown): void => {
    if (this.#done) return;
    if (!MeshError.is(error)) {
      this.#parts.logger.error(`the handler of '${this.method}' threw`, { error: error instanceof Error ? (error.stack ?? error.message) : MeshError.from(error).text });
    }
    else if (error.code === 'PERMISSION_DENIED') this.#denied(error);
    this.#fail(error, false);
  };

  #denied(error: MeshError): void {
    const { peer, method, trace } = this;
    this.#parts.denials.note({ peer, address: this.#session.session.remoteAddress, method, error, trace });
  }

  #fail(error: unknown, notRun: boolean): void {
    this.#end(MeshError.is(error) ? error : new MeshError('handler_failed', 'the handler failed', { cause: error }));
    this.#session.replyError(this.#id, error, notRun);
  }

  #checkSize({ data }: EncodedBody): void {
    const { maxMessageBytes } = this.#parts;
    if (data === undefined || data.length * 3 + 1024 <= maxMessageBytes) return;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (bytes + 1024 > maxMessageBytes) throw new MeshError('body_too_large', `the result has ${bytes} bytes; a message holds ${maxMessageBytes - 1024}`, { retryable: false });
  }

  #end(error: MeshError | undefined): void {
    if (this.#done) return;
    this.#done = true;
    const { clock, wheel, statistics, audit } = this.#parts;
    wheel.remove(this);
    const now = clock.monotonic();
    const duration = now - this.#startedAt;
    statistics.ended(this.#series, duration, error?.code, now);
    if (!audit.enabled) return;
    audit.record(outcomeOf(this.#series, this.peer.serviceId, duration, error, this.trace));
  }
}

/** What the trail says of a call that has ended. */
export function outcomeOf({ metadata }: MethodStatistics, targetServiceId: string, duration: number, error: MeshError | undefined, trace: TraceContext | undefined): OwnAuditEvent {
  return {
    eventType: 'message',
    targetServiceId,
    details:
      error === undefined
        ? { action: 'message.received', success: true, duration, metadata }
        : { action: 'message.failed', success: false, duration, error: error.message, metadata: { ...metadata, code: error.code, reason: error.reason } },
    ...(trace === undefined ? {} : { trace }),
  };
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
