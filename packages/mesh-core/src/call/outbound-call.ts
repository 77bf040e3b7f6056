import { isTimeout, MeshError, withMayHaveRun, type TraceContext } from '@lemur-bookstores/mesh-interface';
import type { EndpointSet } from '../endpoint/endpoint-set.js';
import type { SessionWaiter } from '../endpoint/session-waiter.js';
import { unheld } from '../session/audit-hold.js';
import { isConnectionLost } from '../session/connection-lost.js';
import type { OutboundSession } from '../session/outbound-session.js';
import { PendingCall } from '../session/pending-call.js';
import { decodeBody } from '../wire/body.js';
import { BODY_KIND_MASK } from '../wire/message.js';
import { encodeRequestExtras } from '../wire/request.js';
import { abortListeners, type Abortable } from './abort-listeners.js';
import type { CallOptions } from './call-options.js';
import type { CallOutParts, OutboundMethod } from './call-out-parts.js';
import { encodeInput } from './encode-input.js';
import { announcementOf, outcomeOf, type MessageSubject } from './message-events.js';
import type { Retries, RetriedCall } from './retries.js';

/** One call on its way: ends exactly once, with a result, an error or its deadline. */
export class OutboundCall extends PendingCall implements SessionWaiter, RetriedCall, Abortable {
  flags = 0;
  extras: Buffer | undefined;
  body: string | Uint8Array | undefined;
  readonly #parts: CallOutParts;
  readonly #endpoints: EndpointSet;
  readonly #method: OutboundMethod;
  readonly #startedAt: number;
  readonly #deadline: number;
  readonly #signal: AbortSignal | undefined;
  /** Of the call that it is made for. */
  readonly #served: AbortSignal | undefined;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: MeshError) => void;
  #trace: TraceContext | undefined;
  /** Where it was written; `undefined` while it waits for a session. */
  #session: OutboundSession | undefined;
  /** When that was. */
  #sentAt = 0;
  /** What it came to, while the trail does not have it yet. */
  #outcome: { readonly mayHaveRun: boolean } | undefined;
  #done = false;
  /** `undefined`: it has one attempt. */
  #retries: Retries | undefined;
  #idempotent = false;
  #attempt = 1;
  /** An attempt before the present one may have run. */
  #ranBefore = false;

  constructor(
    parts: CallOutParts,
    endpoints: EndpointSet,
    method: OutboundMethod,
    deadline: number,
    signal: AbortSignal | undefined,
    served: AbortSignal | undefined,
    resolve: (value: unknown) => void,
    reject: (error: MeshError) => void,
  ) {
    super();
    this.#parts = parts;
    this.#endpoints = endpoints;
    this.#method = method;
    this.#deadline = deadline;
    this.#signal = signal;
    this.#served = served;
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
    wheel.add(this, this.#deadline);
    if (this.#signal !== undefined) abortListeners.add(this.#signal, this);
    if (this.#served !== undefined) abortListeners.add(this.#served, this);
    try {
      const { kind, data } = encodeInput(input, codec, maxMessageBytes);
      this.body = data;
      if (options?.metadata !== undefined || options?.trace !== undefined) {
        const { flags, bytes } = encodeRequestExtras(options.metadata, options.trace);
        this.flags = flags;
        this.extras = bytes;
        this.#trace = options.trace;
      }
      this.flags |= kind;
      if (this.#signal?.aborted === true) throw new MeshError('cancelled', 'the call was cancelled before it was sent', { cause: this.#signal.reason, mayHaveRun: false });
    } catch (error) {
      return this.#finish(withMayHaveRun(error, false), undefined);
    }
    this.#idempotent = options?.idempotent === true;
    if (options?.retry !== false) this.#retries = this.#parts.retries;
    this.#retries?.began(this.#endpoints.serviceId, this.#startedAt);
    if (this.#parts.failClosed) this.#announce();
    else this.#dispatch(this.#startedAt);
  }

  onSession(session: OutboundSession): void {
    if (this.#done) return;
    const now = this.#parts.clock.monotonic();
    const timeoutMs = Math.ceil(this.#deadline - now);
    if (timeoutMs <= 0) return this.onDeadline();
    try {
      this.#session = session;
      this.#sentAt = now;
      session.send(this, timeoutMs, now);
    } catch (error) {
      this.#session = undefined;
      this.onFailure(MeshError.from(error));
    }
  }

  /** It has waited for as long as makes sense, while all instances were dialled again: no retry would do more. */
  onNoSession(error: MeshError): void {
    this.onNoRetry(error);
  }

  onResponse(flags: number, buffer: Buffer, start: number, end: number): MeshError | undefined {
    let value: unknown;
    try {
      value = decodeBody(flags & BODY_KIND_MASK, buffer, start, end, this.#parts.codec);
    } catch (error) {
      const invalid = new MeshError('result_invalid', MeshError.from(error).text, { cause: error, mayHaveRun: true });
      this.#finish(invalid, undefined);
      return invalid;
    }
    this.#finish(undefined, value);
    return undefined;
  }

  onRetry(): void {
    if (!this.#done) this.#dispatch(this.#parts.clock.monotonic());
  }

  onNoRetry(error: MeshError): void {
    this.#finish(this.#ranBefore ? withMayHaveRun(error, true) : error, undefined);
  }

  /** PROTOCOL 1.5: an authenticated GOAWAY says that it has not run. Another session may take it. */
  onNotProcessed(): void {
    this.#session = undefined;
    if (!this.#done) this.#dispatch(this.#parts.clock.monotonic());
  }

  onDeadline(): void {
    const mayHaveRun = this.#outcome?.mayHaveRun ?? this.#leave(true);
    const waitedMs = Math.round(this.#parts.clock.monotonic() - this.#startedAt);
    const what = this.#outcome === undefined ? 'no answer to' : 'the audit trail does not have the outcome of';
    this.#end(new MeshError('deadline_exceeded', `${what} '${this.#method.name}' of ${this.#endpoints.serviceId} within ${waitedMs} ms`, { mayHaveRun }));
  }

  onAbort(reason?: unknown): void {
    const mayHaveRun = this.#outcome?.mayHaveRun ?? this.#leave(isTimeout(reason));
    const what = this.#served?.aborted === true ? 'nobody waits any more for the call that this one was made for' : 'the call was cancelled';
    this.#end(new MeshError('cancelled', what, { cause: reason, mayHaveRun }));
  }

  /** Goes on once the trail has it that this call is about to be sent: once, to whichever instances. */
  #announce(): void {
    this.#parts.audit.log(announcementOf('message.sending', this.#subject)).then(
      () => {
        if (!this.#done) this.#dispatch(this.#parts.clock.monotonic());
      },
      (error: unknown) => this.#end(unheld('message.sending', error, false)),
    );
  }

  #dispatch(now: number): void {
    const session = this.#endpoints.pick(now);
    if (session === undefined) this.#endpoints.wait(this);
    else this.onSession(session);
  }

  /** An attempt came to nothing: another one, or the end. */
  onFailure(error: MeshError): void {
    if (this.#done) return;
    const retries = this.#retries;
    if (retries === undefined) return this.onNoRetry(error);
    const now = this.#parts.clock.monotonic();
    const failed = { attempt: this.#attempt, idempotent: this.#idempotent, remainingMs: this.#deadline - now, lost: isConnectionLost(error) };
    if (!retries.again(this, this.#endpoints.serviceId, error, failed)) return this.onNoRetry(error);
    this.#session?.outcomes?.ended(now - this.#sentAt, now, error);
    this.#attempt++;
    if (error.mayHaveRun !== false) this.#ranBefore = true;
    this.#session = undefined;
  }

  /** Nobody waits any more. @returns whether it may have run */
  #leave(timedOut: boolean): boolean {
    this.#endpoints.leave(this);
    this.#retries?.leave(this);
    const takenBack = this.#session?.abandon(this, timedOut ? this.#sentAt : undefined) ?? true;
    return this.#ranBefore || !takenBack;
  }

  #finish(error: MeshError | undefined, value: unknown): void {
    if (this.#done) return;
    if (this.#parts.failClosed) this.#hold(error, value);
    else this.#end(error, value);
  }

  /** Settles once the trail has the outcome. */
  #hold(error: MeshError | undefined, value: unknown): void {
    const { audit, clock } = this.#parts;
    const mayHaveRun = error === undefined || (error.mayHaveRun ?? this.#session !== undefined);
    this.#outcome = { mayHaveRun };
    const now = clock.monotonic();
    this.#session?.outcomes?.ended(now - this.#sentAt, now, error);
    const event = outcomeOf('message.sent', this.#subject, now - this.#startedAt, error);
    audit.log(event).then(
      () => this.#settle(error, value),
      (cause: unknown) => this.#end(unheld(event.details.action, cause, mayHaveRun)),
    );
  }

  /** Settles at once; the trail gets it as soon as it can. */
  #end(error: MeshError | undefined, value?: unknown): void {
    if (this.#done) return;
    const { audit, clock } = this.#parts;
    const now = clock.monotonic();
    if (audit.enabled) audit.record(outcomeOf('message.sent', this.#subject, now - this.#startedAt, error));
    this.#settle(error, value, now);
  }

  #settle(error: MeshError | undefined, value: unknown, now = this.#parts.clock.monotonic()): void {
    if (this.#done) return;
    this.#done = true;
    const { wheel, statistics } = this.#parts;
    // Where the trail is asked first, that is not the instance's time: it has been told by then.
    if (this.#outcome === undefined) this.#session?.outcomes?.ended(now - this.#sentAt, now, error);
    wheel.remove(this);
    if (this.#signal !== undefined) abortListeners.remove(this.#signal, this);
    if (this.#served !== undefined) abortListeners.remove(this.#served, this);
    statistics.ended(this.#method.statistics, now - this.#startedAt, error?.code, now, this.#trace);
    if (error === undefined) this.#resolve(value);
    else this.#reject(error);
  }

  get #subject(): MessageSubject {
    return { targetServiceId: this.#endpoints.serviceId, metadata: this.#method.metadata, trace: this.#trace };
  }
}
