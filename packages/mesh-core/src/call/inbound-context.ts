import type { CallMetadata, Clock, MeshError, PeerIdentity, TraceContext } from '@lemur-bookstores/mesh-interface';
import { WheelEntry } from '../session/deadline-wheel.js';
import type { RequestHead } from '../wire/request.js';
import type { HandlerContext } from './handlers.js';

/** What a request says of itself before its body; all of it where it could be read. */
export type ReadableHead = Pick<RequestHead, 'timeoutMs' | 'metadata' | 'trace'>;

/** What a handler sees of its call. In the wheel from the beginning: `dueAt` is when the caller stops waiting. */
export abstract class InboundContext extends WheelEntry implements HandlerContext {
  readonly method: string;
  readonly peer: PeerIdentity;
  readonly metadata: CallMetadata;
  readonly trace?: TraceContext;
  readonly #clock: Clock;
  #abort: AbortController | undefined;
  #cancelled: MeshError | undefined;

  constructor(method: string, peer: PeerIdentity, { metadata, trace }: ReadableHead, clock: Clock) {
    super();
    this.method = method;
    this.peer = peer;
    this.metadata = metadata;
    if (trace !== undefined) this.trace = trace;
    this.#clock = clock;
  }

  get deadline(): number {
    return this.#clock.now() + this.remainingMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.dueAt - this.#clock.monotonic());
  }

  /** Made when it is asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cancelled !== undefined) this.#abort.abort(this.#cancelled);
    }
    return this.#abort.signal;
  }

  /** Nobody waits for the answer any more: aborts the signal, also one that is asked for later. */
  protected abandon(reason: MeshError): void {
    this.#cancelled = reason;
    this.#abort?.abort(reason);
  }
}
