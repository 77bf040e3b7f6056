import type { TraceContext } from './audit-event.js';
import type { PeerIdentity } from './identity.js';

/** Text values that travel with a call, next to its body. */
export type CallMetadata = Readonly<Record<string, string>>;

/** A call as an interceptor sees it, at either end. */
export interface InterceptedCall {
  readonly direction: 'inbound' | 'outbound';
  /** Outbound: the service that is called. Inbound: the own service. */
  readonly service: string;
  readonly method: string;
  readonly input: unknown;
  readonly metadata: CallMetadata;
  /** Monotonic time, in ms, after which nobody waits for the answer. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Inbound only: who calls, proven. */
  readonly peer?: PeerIdentity;
  readonly trace?: TraceContext;
  /** Outbound: running it twice does no harm, so that it may be tried again where nobody knows whether it ran. Default `false`. */
  readonly idempotent?: boolean;
  /** Outbound: `false` where the caller wants no second attempt. Default `true`. */
  readonly retry?: boolean;
}

/** Wraps calls: sees the call, runs `next` (or not), sees or changes the outcome. The first one used is the outermost. */
export type Interceptor = (call: InterceptedCall, next: (call: InterceptedCall) => Promise<unknown>) => Promise<unknown>;
