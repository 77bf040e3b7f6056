import type { Logger, OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { DeadlineWheel } from '../session/deadline-wheel.js';
import type { Codec } from '../wire/body.js';
import type { Authorization } from './authorization.js';
import type { CallStatistics } from './call-statistics.js';
import type { Denials } from './denials.js';
import type { HandlerRunParts } from './handler-run.js';
import type { Handlers } from './handlers.js';

/** What the inbound path needs. */
export interface CallInParts extends HandlerRunParts {
  readonly wheel: DeadlineWheel;
  readonly handlers: Handlers;
  readonly statistics: CallStatistics;
  readonly audit: OwnAuditSink;
  readonly denials: Denials;
  /** `undefined`: every member of the trust domain may call every method. */
  readonly authorization?: Authorization | undefined;
  /** `message` events are `fail-closed`: no handler runs and no answer leaves before its event is held. */
  readonly failClosed: boolean;
  readonly logger: Logger;
  readonly maxMessageBytes: number;
  readonly codec: Codec | undefined;
}
