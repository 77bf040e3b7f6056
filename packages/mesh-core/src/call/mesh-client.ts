import type { CallOptions } from './call-options.js';

/** A service's methods, as a caller of `connect<Api>()` names them: functions of one input; further parameters are the handler's. */
export type ServiceMethods<Api> = {
  [Method in keyof Api]: Api[Method] extends (...args: never[]) => unknown ? Method : never;
}[keyof Api] &
  string;

/** What a method takes. */
export type InputOf<Api, Method extends keyof Api> = Api[Method] extends (...args: infer Parameters) => unknown
  ? Parameters extends []
    ? Record<string, never> | undefined
    : Parameters[0]
  : never;

/** What stands behind a method's name in a call: the input may be left out where it may be undefined. */
export type CallArguments<Input> = undefined extends Input ? [input?: Input, options?: CallOptions] : [input: Input, options?: CallOptions];

/** What a method answers. */
export type OutputOf<Api, Method extends keyof Api> = Api[Method] extends (...args: never[]) => infer Output ? Awaited<Output> : never;

/** A service about which nothing is declared. */
export type AnyApi = Record<string, (input: unknown) => unknown>;

/** What the method `health` is asked for, as in gRPC's health checking. */
export interface HealthRequest {
  /** A part of the service: the name of one of its health checks. Default, `''` or the service's id: the whole of it. */
  readonly service?: string;
}

/** The answer of the method `health`, which every mesh has. */
export interface HealthReply {
  readonly service: string;
  /** Only where one was asked for. */
  readonly part?: string;
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
  call<Method extends ServiceMethods<Api>>(method: Method, ...args: CallArguments<InputOf<Api, Method>>): Promise<OutputOf<Api, Method>>;
  call(method: 'health', input?: HealthRequest, options?: CallOptions): Promise<HealthReply>;
}
