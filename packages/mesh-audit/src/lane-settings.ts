import type { RetrySettings } from './retry-policy.js';

/** Bounds and patience of a lane; the defaults are the logger's. */
export interface LaneSettings extends RetrySettings {
  readonly laneEvents: number;
  readonly laneBytes: number;
  readonly batch: number;
  readonly deliveryTimeoutMs: number;
}
