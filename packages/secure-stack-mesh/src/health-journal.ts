import { MeshError, type HealthStatus, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { HealthMonitor } from '@lemur-bookstores/mesh-health';

/** In place of a check's name: the overall status. */
const OVERALL = '*';

/** Writes each change of a check's status, and of the overall one, to the audit trail: never one for a run that found what was known. */
export class HealthJournal {
  readonly #health: HealthMonitor;
  readonly #audit: OwnAuditSink;
  #end: (() => void)[] = [];

  constructor(health: HealthMonitor, audit: OwnAuditSink) {
    this.#health = health;
    this.#audit = audit;
  }

  /** Safe to call twice. */
  start(): void {
    if (this.#end.length > 0) return;
    this.#end = [
      this.#health.on('change', ({ name, previous, status, result }) => this.#write(name, previous, status, result.error ?? 'the check gave no reason')),
      this.#health.on('overall', ({ previous, status, because }) => this.#write(OVERALL, previous, status, because.join(', '))),
    ];
  }

  stop(): void {
    for (const end of this.#end.splice(0)) end();
  }

  #write(check: string, before: HealthStatus | undefined, status: HealthStatus, why: string): void {
    // What was not known before counts as healthy: the first results of checks that find nothing are no news.
    const previous = before ?? 'healthy';
    if (status === previous) return;
    const metadata = { check, status, previous };
    if (status === 'healthy') this.#audit.record({ eventType: 'system', details: { action: 'health.recovered', success: true, metadata } });
    else this.#audit.record({ eventType: 'system', details: { action: 'health.impaired', success: false, error: new MeshError('unhealthy', why).message, metadata } });
  }
}
