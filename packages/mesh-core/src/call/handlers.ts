import { MeshError, type CallMetadata, type PeerIdentity, type TraceContext } from '@lemur-bookstores/mesh-interface';
import { MAX_METHOD_BYTES } from '../wire/message.js';

/** What a handler is told about its call. */
export interface HandlerContext {
  readonly method: string;
  /** Who calls: proven by the handshake. */
  readonly peer: PeerIdentity;
  readonly metadata: CallMetadata;
  /** When the caller stops waiting, ms since 1970 on this machine's clock. */
  readonly deadline: number;
  /** What is left until then, in ms; 0 if nothing. */
  readonly remainingMs: number;
  /** Aborted when the caller cancels, its deadline passes or its connection ends. */
  readonly signal: AbortSignal;
  readonly trace?: TraceContext;
}

/** Answers one method. A `Uint8Array` in or out travels as it is. */
export type Handler = (input: never, context: HandlerContext) => unknown;

/** @internal A call as a handler sees it that checks its input first. */
export interface RunningCall extends HandlerContext {
  /** Until it is `running` a failure proves that the handler has not run; once it was, nothing does. @returns whether somebody still waits for it */
  progress(stage: 'checking' | 'running'): boolean;
}

/** @internal A handler as it is kept. */
export type AnyHandler = (input: unknown, call: RunningCall) => unknown;

/** Names that every mesh answers itself. */
export const RESERVED_METHODS: ReadonlySet<string> = new Set(['health']);

/** The methods of a service. A Map: a peer's `__proto__` or `constructor` finds nothing. */
export class Handlers {
  readonly #byMethod = new Map<string, AnyHandler>();

  /** @throws MeshError `duplicate_handler`, `reserved_name`, `invalid_option` */
  add(method: string, handler: AnyHandler): void {
    if (typeof method !== 'string' || method === '' || Buffer.byteLength(method) > MAX_METHOD_BYTES) {
      throw new MeshError('invalid_option', `a method name is a text of 1 to ${MAX_METHOD_BYTES} bytes`);
    }
    if (typeof handler !== 'function') throw new MeshError('invalid_option', `the handler of '${method}' is not a function`);
    if (RESERVED_METHODS.has(method)) throw new MeshError('reserved_name', `'${method}' is answered by the mesh itself; choose another name`);
    this.#set(method, handler);
  }

  /** One of {@link RESERVED_METHODS}. */
  addBuiltIn(method: string, handler: AnyHandler): void {
    this.#set(method, handler);
  }

  get(method: string): AnyHandler | undefined {
    return this.#byMethod.get(method);
  }

  #set(method: string, handler: AnyHandler): void {
    if (this.#byMethod.has(method)) throw new MeshError('duplicate_handler', `'${method}' has a handler already`);
    this.#byMethod.set(method, handler);
  }
}
