import type { CallScopes, Clock, Interceptor, OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { DeadlineWheel } from '../session/deadline-wheel.js';
import type { Codec } from '../wire/body.js';
import type { CallStatistics, MethodStatistics } from './call-statistics.js';
import type { Retries } from './retries.js';

/** What the outbound path needs. */
export interface CallOutParts {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly statistics: CallStatistics;
  readonly audit: OwnAuditSink;
  /** `message` events are `fail-closed`: nothing is written, and no call settles, before its event is held. */
  readonly failClosed: boolean;
  /** Tells which call a call is made for. `undefined`: for none. */
  readonly scopes: CallScopes | undefined;
  readonly interceptors: readonly Interceptor[];
  readonly maxMessageBytes: number;
  readonly defaultTimeoutMs: number;
  readonly codec: Codec | undefined;
  /** `undefined`: every call is one attempt. */
  readonly retries: Retries | undefined;
  /** @throws MeshError while the mesh takes no calls */
  assertOpen(): void;
}

/** A method of a service, as its caller knows it. */
export interface OutboundMethod {
  readonly name: string;
  readonly encoded: Buffer;
  readonly statistics: MethodStatistics;
  /** What an audit event says of the call; frozen, and the same object for all: an audit logger then redacts it once. */
  readonly metadata: Readonly<Record<string, unknown>>;
}
