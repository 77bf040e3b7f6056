import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { InboundSession, RequestReceiver } from '../session/inbound-session.js';
import { decodeBody } from '../wire/body.js';
import { BODY_KIND_MASK } from '../wire/message.js';
import { decodeRequestHead, NO_METADATA, type RequestHead } from '../wire/request.js';
import type { CallInParts } from './call-in-parts.js';
import type { MethodStatistics } from './call-statistics.js';
import type { AnyHandler } from './handlers.js';
import { InboundCall } from './inbound-call.js';
import { outcomeOf } from './message-events.js';

const OTHER_METHOD = '_OTHER';

/** The inbound path: decode (untrusted) → authorize → handler → encode → reply. Who calls was proven by the session's handshake. */
export class CallIn implements RequestReceiver {
  readonly #parts: CallInParts;
  /** Series by peer, then method: two look-ups and no joined key on the hot path. Peers are verified, methods registered ones. */
  readonly #statistics = new Map<string, Map<string, MethodStatistics>>();

  constructor(parts: CallInParts) {
    this.#parts = parts;
  }

  onRequest(session: InboundSession, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const { handlers, codec, authorization } = this.#parts;
    let head: RequestHead | undefined;
    let handler: AnyHandler | undefined;
    let input: unknown;
    try {
      head = decodeRequestHead(flags, buffer, start, end);
      handler = handlers.get(head.method);
      // Before anything tells whether there is such a method, and before work is done on the body.
      const refusal = authorization?.refusal(session, head, handler === undefined ? OTHER_METHOD : head.method);
      if (refusal !== undefined) throw refusal;
      if (handler === undefined) throw new MeshError('unknown_method', `${this.#parts.serviceId} has no method of that name`);
      input = decodeBody(flags & BODY_KIND_MASK, buffer, head.bodyStart, end, codec);
    } catch (error) {
      const failure = MeshError.from(error);
      // A request that contradicts itself: what follows it in the record cannot be trusted either.
      if (failure.reason === 'protocol_violation') throw failure;
      const method = handler === undefined ? OTHER_METHOD : (head?.method ?? OTHER_METHOD);
      const readable = head ?? { timeoutMs: buffer.readUInt32BE(start), metadata: NO_METADATA, trace: undefined };
      return new InboundCall(this.#parts, session, id, readable, method, this.#seriesOf(session.peer.serviceId, method)).refuse(failure);
    }
    new InboundCall(this.#parts, session, id, head, head.method, this.#seriesOf(session.peer.serviceId, head.method)).run(handler, input);
  }

  onRefused({ peer: { serviceId } }: InboundSession, error: MeshError): void {
    const { audit, clock, statistics } = this.#parts;
    const series = this.#seriesOf(serviceId, OTHER_METHOD);
    statistics.started(series);
    statistics.ended(series, 0, error.code, clock.monotonic());
    if (audit.enabled) audit.record(outcomeOf('message.received', { targetServiceId: serviceId, metadata: series.metadata, trace: undefined }, 0, error));
  }

  #seriesOf(peer: string, method: string): MethodStatistics {
    let byMethod = this.#statistics.get(peer);
    if (byMethod === undefined) {
      // The total is capped by CallStatistics; this index must not outgrow it.
      if (this.#statistics.size >= 2_000) this.#statistics.clear();
      this.#statistics.set(peer, (byMethod = new Map<string, MethodStatistics>()));
    }
    let series = byMethod.get(method);
    if (series === undefined) byMethod.set(method, (series = this.#parts.statistics.series('inbound', peer, method)));
    return series;
  }
}
