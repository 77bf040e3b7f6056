import { MeshError, withMayHaveRun } from '@lemur-bookstores/mesh-interface';
import type { EndpointSet } from '../endpoint/endpoint-set.js';
import { encodeMethod } from '../wire/request.js';
import type { CallOptions } from './call-options.js';
import type { CallOutParts, OutboundMethod } from './call-out-parts.js';
import { InterceptedOut, type SendCall } from './intercepted-out.js';
import { OutboundCall } from './outbound-call.js';
import { assertServed, withTraceOf } from './served-call.js';

/** Methods remembered per service; names are the caller's own, but may be computed. */
const MAX_METHODS = 1_000;
/** u32 on the wire. */
const LONGEST_TIMEOUT_MS = 0xffff_ffff;

/** The outbound path of one service: total deadline, never later than that of the call it is made for → interceptors → instance → session → encode → pack; the answer by id. */
export class CallOut {
  readonly #parts: CallOutParts;
  readonly #endpoints: EndpointSet;
  readonly #methods = new Map<string, OutboundMethod>();

  constructor(endpoints: EndpointSet, parts: CallOutParts) {
    this.#endpoints = endpoints;
    this.#parts = parts;
  }

  call(methodName: string, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const { clock, scopes, defaultTimeoutMs } = this.#parts;
    try {
      this.#parts.assertOpen();
      const method = this.#methods.get(methodName) ?? this.#remember(methodName);
      const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs;
      if (!(timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS)) throw new MeshError('invalid_option', `timeoutMs: must be a number above 0, at most ${LONGEST_TIMEOUT_MS}, not ${timeoutMs}`, { mayHaveRun: false });
      if (options?.signal !== undefined && !isSignal(options.signal)) throw new MeshError('invalid_option', 'signal: must be an AbortSignal');
      const now = clock.monotonic();
      const deadline = now + timeoutMs;
      const served = scopes?.current();
      if (served === undefined) return this.#through(method, input, options, deadline, undefined);
      assertServed(served, methodName, now);
      return this.#through(method, input, withTraceOf(served, options), Math.min(deadline, served.dueAt), served.signal);
    } catch (error) {
      return Promise.reject(withMayHaveRun(error, false));
    }
  }

  #through(method: OutboundMethod, input: unknown, options: CallOptions | undefined, deadline: number, served: AbortSignal | undefined): Promise<unknown> {
    if (this.#parts.interceptors.length === 0) return this.#send(method, input, options, deadline, served);
    const send: SendCall = (last, changed, due) => this.#send(method, last, changed, due, undefined);
    return new InterceptedOut(this.#parts, options?.signal, served).run(this.#endpoints.serviceId, method.name, input, options, deadline, send);
  }

  /** @param served of the call that it is made for */
  #send(method: OutboundMethod, input: unknown, options: CallOptions | undefined, deadline: number, served: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = new OutboundCall(this.#parts, this.#endpoints, method, deadline, options?.signal, served, resolve, reject);
      call.start(input, options);
    });
  }

  #remember(name: string): OutboundMethod {
    const encoded = encodeMethod(name);
    const statistics = this.#parts.statistics.series('outbound', this.#endpoints.serviceId, this.#methods.size < MAX_METHODS ? name : '_OTHER');
    const method: OutboundMethod = { name, encoded, statistics, metadata: Object.freeze({ direction: 'outbound', method: name }) };
    if (this.#methods.size < MAX_METHODS) this.#methods.set(name, method);
    return method;
  }
}

/** By what is used of it: it may be of another realm, or a stand-in. */
const isSignal = (value: unknown): boolean => typeof value === 'object' && value !== null && typeof (value as Partial<AbortSignal>).addEventListener === 'function';
