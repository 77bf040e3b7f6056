import { MeshError, type CallMetadata, type InterceptedCall, type PeerIdentity, type TraceContext } from '@lemur-bookstores/mesh-interface';
import { WheelEntry } from '../session/deadline-wheel.js';
import { unheld } from '../session/audit-hold.js';
import type { InboundRequest, InboundSession } from '../session/inbound-session.js';
import { encodeBody, type EncodedBody } from '../wire/body.js';
import { MessageKind } from '../wire/message.js';
import type { RequestHead } from '../wire/request.js';
import type { CallInParts } from './call-in-parts.js';
import type { MethodStatistics } from './call-statistics.js';
import type { AnyHandler, RunningCall } from './handlers.js';
import { runThrough } from './interceptor-chain.js';
import { isThenable } from './is-thenable.js';
import { announcementOf, outcomeOf, type MessageSubject } from './message-events.js';

/** What a request says of itself before its body; all of it where it could be read. */
export type ReadableHead = Pick<RequestHead, 'timeoutMs' | 'metadata' | 'trace'>;

/**
 * `accepting` and `answering`: an event has to be held before the handler runs, before the answer leaves. Meanwhile the deadline counts and
 * the caller may cancel. `done`: nobody waits any more.
 */
type Phase = 'accepting' | 'running' | 'answering' | 'done';

/** What the caller learns: which sink, and what is wrong with it, is the service's own business. */
const REFUSAL = 'the service that was called cannot write its audit trail';

/** One request being handled: answered exactly once, or not at all once its caller has gone. */
export class InboundCall extends WheelEntry implements InboundRequest, RunningCall {
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
  #phase: Phase = 'running';
  /** An interceptor or a schema has it, and the handler has not run. */
  #kept = false;
  #ran = false;

  /** @param method a registered one, or `_OTHER`; not `series.method`, which is `_OTHER` once there are too many series */
  constructor(parts: CallInParts, session: InboundSession, id: number, head: ReadableHead, method: string, series: MethodStatistics) {
    super();
    this.#parts = parts;
    this.#session = session;
    this.#id = id;
    this.method = method;
    this.#series = series;
    this.#startedAt = parts.clock.monotonic();
    this.#timeoutMs = head.timeoutMs;
    this.metadata = head.metadata;
    if (head.trace !== undefined) this.trace = head.trace;
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
    this.#begin();
    this.#fail(error, true);
  }

  run(handler: AnyHandler, input: unknown): void {
    this.#begin();
    if (this.#parts.failClosed) this.#accept(handler, input);
    else this.#handle(handler, input);
  }

  #begin(): void {
    const { statistics, wheel } = this.#parts;
    statistics.started(this.#series);
    this.#session.calls.set(this.#id, this);
    wheel.add(this, this.#startedAt + this.#timeoutMs);
  }

  /** Runs the handler once the trail has it that this peer calls it. */
  #accept(handler: AnyHandler, input: unknown): void {
    const { audit } = this.#parts;
    this.#phase = 'accepting';
    audit.log(announcementOf('message.accepted', this.#subject)).then(
      () => {
        if (this.#phase !== 'accepting') return;
        this.#phase = 'running';
        this.#handle(handler, input);
      },
      (error: unknown) => {
        if (this.#phase === 'accepting') this.#unheld(unheld('message.accepted', error), true);
      },
    );
  }

  #handle(handler: AnyHandler, input: unknown): void {
    try {
      const result = this.#parts.interceptors.length === 0 ? handler(input, this) : this.#intercepted(handler, input);
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

  progress(stage: 'checking' | 'running'): boolean {
    if (stage === 'running') this.#ran = true;
    this.#kept = !this.#ran;
    return this.#phase === 'running';
  }

  #intercepted(handler: AnyHandler, input: unknown): Promise<unknown> {
    const { serviceId, interceptors } = this.#parts;
    const { method, metadata, signal, peer, trace } = this;
    const call: InterceptedCall = { direction: 'inbound', service: serviceId, method, input, metadata, deadline: this.#startedAt + this.#timeoutMs, signal, peer, ...(trace === undefined ? {} : { trace }) };
    this.#kept = true;
    return runThrough(interceptors, call, (last) => {
      // Where the answer vouched that the handler has not run, it must not run later either.
      if (this.#phase !== 'running') return Promise.reject(new MeshError('cancelled', `'${method}' has ended before its handler ran`));
      this.#kept = false;
      return Promise.resolve(handler(last.input, this));
    });
  }

  readonly #onResult = (result: unknown): void => {
    if (this.#phase !== 'running') return;
    let encoded: EncodedBody;
    try {
      encoded = encodeBody(result, this.#parts.codec);
      this.#checkSize(encoded);
    } catch (error) {
      const failure = MeshError.from(error);
      this.#parts.logger.error(`the result of '${this.method}' cannot be sent: ${failure.text}`);
      return this.#fail(failure.reason === 'body_invalid' ? new MeshError('result_invalid', 'the result cannot be encoded') : failure, false);
    }
    if (this.#parts.failClosed) return this.#hold(undefined, false, () => this.#reply(encoded));
    this.#end(undefined);
    this.#reply(encoded);
  };

  readonly #onThrow = (error: unknown): void => {
    if (this.#phase !== 'running') return;
    if (!MeshError.is(error)) {
      this.#parts.logger.error(`the handler of '${this.method}' threw`, { error: error instanceof Error ? (error.stack ?? error.message) : MeshError.from(error).text });
    }
    else if (error.code === 'PERMISSION_DENIED') this.#denied(error);
    this.#fail(error, this.#kept);
  };

  #denied(error: MeshError): void {
    const { peer, method, trace } = this;
    this.#parts.denials.note({ peer, address: this.#session.session.remoteAddress, method, error, trace, mode: 'enforce' });
  }

  #fail(error: unknown, notRun: boolean): void {
    const failure = MeshError.is(error) ? error : new MeshError('handler_failed', 'the handler failed', { cause: error });
    if (this.#parts.failClosed) return this.#hold(failure, notRun, () => this.#session.replyError(this.#id, error, notRun));
    this.#end(failure);
    this.#session.replyError(this.#id, error, notRun);
  }

  #reply({ kind, data }: EncodedBody): void {
    this.#session.reply(MessageKind.response, kind, this.#id, data);
  }

  /** Answers once the trail has the outcome. */
  #hold(error: MeshError | undefined, notRun: boolean, answer: () => void): void {
    const { audit, clock } = this.#parts;
    this.#phase = 'answering';
    const event = outcomeOf('message.received', this.#subject, clock.monotonic() - this.#startedAt, error);
    audit.log(event).then(
      () => {
        if (this.#phase !== 'answering') return;
        this.#settle(error);
        answer();
      },
      (cause: unknown) => {
        if (this.#phase === 'answering') this.#unheld(unheld(event.details.action, cause), notRun);
      },
    );
  }

  /** The last word on this call is what its caller learns; whether the trail gets it is no longer waited for. */
  #unheld(failure: MeshError, notRun: boolean): void {
    this.#end(failure);
    this.#session.replyError(this.#id, new MeshError('audit_unavailable', REFUSAL), notRun);
  }

  #checkSize({ data }: EncodedBody): void {
    const { maxMessageBytes } = this.#parts;
    if (data === undefined || data.length * 3 + 1024 <= maxMessageBytes) return;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (bytes + 1024 > maxMessageBytes) throw new MeshError('body_too_large', `the result has ${bytes} bytes; a message holds ${maxMessageBytes - 1024}`, { retryable: false });
  }

  #end(error: MeshError | undefined): void {
    if (this.#phase === 'done') return;
    const duration = this.#settle(error);
    const { audit } = this.#parts;
    if (audit.enabled) audit.record(outcomeOf('message.received', this.#subject, duration, error));
  }

  /** @returns how long it took, in ms */
  #settle(error: MeshError | undefined): number {
    const { clock, wheel, statistics } = this.#parts;
    this.#phase = 'done';
    wheel.remove(this);
    const now = clock.monotonic();
    const duration = now - this.#startedAt;
    statistics.ended(this.#series, duration, error?.code, now, this.trace);
    return duration;
  }

  get #subject(): MessageSubject {
    return { targetServiceId: this.peer.serviceId, metadata: this.#series.metadata, trace: this.trace };
  }
}
