import type { AuditLaneStats } from '@lemur-bookstores/mesh-interface';

/** The part of the statistics that the lane itself knows. */
export type LaneCondition = Pick<AuditLaneStats, 'adapter' | 'durable' | 'queued' | 'spilled' | 'spillBytes' | 'spillMaxBytes' | 'queueFill' | 'full' | 'oldestQueuedMs' | 'deliveryTimeoutMs'>;

/**
 * What became of one adapter's events. Each event is counted once as emitted and, when it leaves the lane, once as what became
 * of it, so that with those still queued the sums are always equal (DESIGN 6). Gap records are not events and not counted,
 * but for those lost.
 */
export class LaneAccounts {
  emitted = 0;
  /** Of `emitted`: left in the spill by an earlier process. */
  recovered = 0;
  filtered = 0;
  delivered = 0;
  deadLettered = 0;
  dropped = 0;
  lostGaps = 0;
  /** Deliveries that failed, each try counted. */
  failures = 0;
  /** ms since 1970; 0 if none yet. */
  lastSuccessAt = 0;
  /** Whether the last delivery failed. */
  failing = false;

  stats({ adapter, durable, queued, spilled, spillBytes, spillMaxBytes, queueFill, full, oldestQueuedMs, deliveryTimeoutMs }: LaneCondition): AuditLaneStats {
    return {
      adapter,
      durable,
      emitted: this.emitted,
      recovered: this.recovered,
      filtered: this.filtered,
      delivered: this.delivered,
      queued,
      spilled,
      spillBytes,
      spillMaxBytes,
      deadLettered: this.deadLettered,
      dropped: this.dropped,
      lostGaps: this.lostGaps,
      failures: this.failures,
      lastSuccessAt: this.lastSuccessAt,
      failing: this.failing,
      queueFill,
      full,
      oldestQueuedMs,
      deliveryTimeoutMs,
    };
  }
}
