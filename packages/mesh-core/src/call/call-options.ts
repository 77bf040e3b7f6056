import type { CallMetadata, TraceContext } from '@lemur-bookstores/mesh-interface';

/** Options of one call. */
export interface CallOptions {
  /** Total time for the call, in ms, everything included. Default: the mesh's `resilience.timeoutMs`, 30,000. */
  readonly timeoutMs?: number;
  /** Cancels the call, also at the peer. */
  readonly signal?: AbortSignal;
  /** Text values for the handler's context; 8 KiB together at most. */
  readonly metadata?: CallMetadata;
  readonly trace?: TraceContext;
  /** Running it twice does no harm: it may be tried again where nobody knows whether it ran. Default `false`. */
  readonly idempotent?: boolean;
  /** `false`: one attempt, whatever the mesh's `resilience.retry` says. */
  readonly retry?: false;
}
