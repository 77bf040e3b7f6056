import type { DeadLetterListener } from './dead-letters.js';
import type { MetricsFeedSettings } from './metrics-feed.js';
import type { RetrySettings } from './retry-policy.js';
import type { SpillSettings } from './spill/open-spill.js';

/** Bounds and patience of a lane; the defaults are the logger's. */
export interface LaneSettings extends RetrySettings, MetricsFeedSettings {
  readonly laneEvents: number;
  readonly laneBytes: number;
  readonly batch: number;
  /** How long what could not be delivered may take to get to the spill at the end, in ms. */
  readonly flushMs: number;
  readonly onDeadLetter: DeadLetterListener | undefined;
  /** Absent: what is in memory is lost with the process. */
  readonly spill: SpillSettings | undefined;
}
