import { MeshError } from '@lemur-bookstores/mesh-interface';
import { unheld } from '../session/audit-hold.js';
import type { InboundRequest, InboundSession } from '../session/inbound-session.js';
import type { EncodedBody } from '../wire/body.js';
import { MessageKind } from '../wire/message.js';
import type { CallInParts } from './call-in-parts.js';
import type { MethodStatistics } from './call-statistics.js';
import { encodeResult } from './encode-result.js';
import { HandlerRun } from './handler-run.js';
import type { AnyHandler } from './handlers.js';
import type { ReadableHead } from './inbound-context.js';
import { announcementOf, outcomeOf, type MessageSubject } from './message-events.js';

/**
 * `accepting` and `answering`: an event has to be held before the handler runs, before the answer leaves. Meanwhile the deadline counts and
 * the caller may cancel. `done`: nobody waits any more.
 */
type Phase = 'accepting' | 'running' | 'answering' | 'done';

/** What the caller learns: which sink, and what is wrong with it, is the service's own business. */
const REFUSAL = 'the service that was called cannot write its audit trail';

/** One request being handled: answered exactly once, or not at all once its caller has gone. */
export class InboundCall extends HandlerRun implements InboundRequest {
  readonly #parts: CallInParts;
  readonly #session: InboundSession;
  readonly #id: number;
  readonly #series: MethodStatistics;
  readonly #startedAt: number;
  readonly #timeoutMs: number;
  #phase: Phase = 'running';

  /** @param method a registered one, or `_OTHER`; not `series.method`, which is `_OTHER` once there are too many series */
  constructor(parts: CallInParts, session: InboundSession, id: number, head: ReadableHead, method: string, series: MethodStatistics) {
    super(parts, method, session.peer, head);
    this.#parts = parts;
    this.#session = session;
    this.#id = id;
    this.#series = series;
    this.#startedAt = parts.clock.monotonic();
    this.#timeoutMs = head.timeoutMs;
  }

  /** Answers without running anything. */
  refuse(error: MeshError): void {
    this.#begin();
    this.#fail(error, true);
  }

  /** Runs the handler once the gate lets it in. */
  run(handler: AnyHandler, input: unknown): void {
    this.#begin();
    this.askGate(handler, input);
  }

  #begin(): void {
    const { statistics, wheel } = this.#parts;
    statistics.started(this.#series);
    this.#session.calls.set(this.#id, this);
    wheel.add(this, this.#startedAt + this.#timeoutMs);
  }

  /** The end of a connection is told to one of its calls after the other: one of them may make room for the next. */
  protected get wanted(): boolean {
    return this.#phase === 'running' && this.#session.session.state !== 'closed';
  }

  protected admitted(handler: AnyHandler, input: unknown): void {
    if (this.#parts.failClosed) this.#accept(handler, input);
    else this.handle(handler, input);
  }

  protected refused(error: MeshError): void {
    this.#parts.statistics.refused(error.reason);
    this.#fail(error, true);
  }

  /** Runs the handler once the trail has it that this peer calls it. */
  #accept(handler: AnyHandler, input: unknown): void {
    const { audit } = this.#parts;
    this.#phase = 'accepting';
    audit.log(announcementOf('message.accepted', this.#subject)).then(
      () => {
        if (this.#phase !== 'accepting') return;
        this.#phase = 'running';
        this.handle(handler, input);
      },
      (error: unknown) => {
        if (this.#phase === 'accepting') this.#unheld(unheld('message.accepted', error), true);
        this.leaveGate();
      },
    );
  }

  cancel(reason: MeshError): void {
    this.abandon(reason);
    this.#end(reason);
    this.leaveGate();
  }

  /** The caller has given up by its own clock: nothing is sent, the handler is told. */
  onDeadline(): void {
    this.cancel(new MeshError('deadline_exceeded', `'${this.method}' did not answer within the caller's ${this.#timeoutMs} ms`));
    this.#session.forget(this.#id);
  }

  protected ended(result: unknown): void {
    if (this.#phase !== 'running') return;
    const { codec, maxMessageBytes, logger, failClosed } = this.#parts;
    let encoded: EncodedBody;
    try {
      encoded = encodeResult(result, codec, maxMessageBytes);
    } catch (error) {
      const failure = MeshError.from(error);
      logger.error(`the result of '${this.method}' cannot be sent: ${failure.text}`);
      return this.#fail(failure.reason === 'body_invalid' ? new MeshError('result_invalid', 'the result cannot be encoded') : failure, false);
    }
    if (failClosed) return this.#hold(undefined, false, () => this.#reply(encoded));
    this.#end(undefined);
    this.#reply(encoded);
  }

  protected failed(error: unknown, kept: boolean): void {
    if (this.#phase !== 'running') return;
    if (!MeshError.is(error)) {
      this.#parts.logger.error(`the handler of '${this.method}' threw`, { error: error instanceof Error ? (error.stack ?? error.message) : MeshError.from(error).text });
    }
    else if (error.code === 'PERMISSION_DENIED') this.#denied(error);
    this.#fail(error, kept);
  }

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
