import type { CallOptions } from './outbound-call.js';

/** A service's methods, as a caller of `connect<Api>()` names them: each takes one input. */
export type ServiceMethods<Api> = {
  [Method in keyof Api]: Api[Method] extends (input: never) => unknown ? Method : never;
}[keyof Api] &
  string;

/** What a method takes. */
export type InputOf<Api, Method extends keyof Api> = Api[Method] extends () => unknown
  ? Record<string, never> | undefined
  : Api[Method] extends (input: infer Input) => unknown
    ? Input
    : never;

/** What a method answers. */
export type OutputOf<Api, Method extends keyof Api> = Api[Method] extends (input: never) => infer Output ? Awaited<Output> : never;

/** A service about which nothing is declared. */
export type AnyApi = Record<string, (input: unknown) => unknown>;

/** The answer of the method `health`, which every mesh has. */
export interface HealthReply {
  readonly service: string;
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
}

/** Calls one service. Made by `connect()`; holds nothing that would have to be closed. */
export interface MeshClient<Api = AnyApi> {
  readonly serviceId: string;
  /**
   * Calls a method and resolves with its answer. A `Uint8Array` travels as it is (and must not change until the call settles),
   * everything else as JSON.
   * @throws MeshError; `mayHaveRun` says whether the handler may have run
   */
  call<Method extends ServiceMethods<Api>>(method: Method, input: InputOf<Api, Method>, options?: CallOptions): Promise<OutputOf<Api, Method>>;
  call(method: 'health', input?: Record<string, never>, options?: CallOptions): Promise<HealthReply>;
}
