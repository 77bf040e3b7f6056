import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { PAGER_SEVERITIES, type PagerSeverity } from './alerting-options.js';

/** What of an alert is told: mesh-audit's `Alert` fits. */
export interface PagerAlert {
  /** The same when the same alert is tried again. */
  readonly id: string;
  readonly rule: string;
  readonly severity: PagerSeverity;
  /** PagerDuty's `dedup_key`: 1 to 255 characters. */
  readonly dedupKey: string;
  readonly summary: string;
  readonly serviceId: string;
  readonly count: number;
  readonly event: MeshAuditEvent;
}

/** The mesh's own always are; adapters can be used alone. */
export function isEvent(event: unknown): event is MeshAuditEvent {
  const { id, serviceId, targetServiceId, timestamp, details } = (event ?? {}) as Partial<MeshAuditEvent>;
  const texts = [id, serviceId, targetServiceId ?? '', details?.action, details?.error ?? ''].every((text) => typeof text === 'string');
  return texts && typeof timestamp?.getTime === 'function';
}

export function isAlert(alert: unknown): alert is PagerAlert {
  const { id, rule, severity, dedupKey, summary, serviceId, count, event } = (alert ?? {}) as Partial<PagerAlert>;
  const texts = [id, rule, dedupKey, summary, serviceId].every((text) => typeof text === 'string' && text !== '');
  return texts && (dedupKey as string).length <= 255 && PAGER_SEVERITIES.includes(severity as PagerSeverity) && Number.isFinite(count) && isEvent(event);
}
