import { silentLogger, type AdapterContext, type AuditLaneStats, type BreakerMetrics, type FakeClock, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';

/** Figures that a test changes as it goes. */
export interface Figures {
  lanes: Partial<AuditLaneStats>[];
  breakers: BreakerMetrics[];
}

/** What `start()` gets, with these figures. */
export function contextOf(clock: FakeClock, figures: Figures): AdapterContext {
  const metrics = (): MetricsSnapshot => {
    const adapters = figures.lanes.map((lane) => ({ dropped: 0, deadLettered: 0, lostGaps: 0, queued: 0, spilled: 0, ...lane }));
    return { breakers: figures.breakers, stats: { audit: { emitted: 0, adapters } } } as unknown as MetricsSnapshot;
  };
  return { serviceId: 'orders', logger: silentLogger, clock, paths: { keysDir: '', logsDir: '', runtimeDir: '' }, metrics, emit: () => undefined };
}
