import type { HealthCheckResult, HealthStatus } from '@lemur-bookstores/mesh-interface';

/** A check's message and details are shown on probes and dashboards: not more than this of them. */
const MAX_ERROR_LENGTH = 1_024;

/** Worst last. */
const SEVERITY: Readonly<Record<HealthStatus, number>> = { healthy: 0, degraded: 1, unhealthy: 2 };

/** The worst of some statuses; `healthy` of none. */
export function worstStatus(statuses: Iterable<HealthStatus>): HealthStatus {
  let worst: HealthStatus = 'healthy';
  for (const status of statuses) if (SEVERITY[status] > SEVERITY[worst]) worst = status;
  return worst;
}

/** An unhealthy result with the message of what was thrown, without its stack. */
export function unhealthy(reason: unknown, nowMs: number): HealthCheckResult {
  return Object.freeze({ status: 'unhealthy', timestamp: new Date(nowMs), error: messageOf(reason) });
}

/**
 * What a check answered, as a result that can be relied on; nonsense is an unhealthy one.
 * @param nowMs wall-clock time, in place of a timestamp that is missing or none
 */
export function readResult(answer: unknown, nowMs: number): HealthCheckResult {
  try {
    if (typeof answer !== 'object' || answer === null) return unhealthy(`the check answered ${String(answer)} instead of { status, timestamp }`, nowMs);
    const { status, timestamp, error, details } = answer as Readonly<Record<string, unknown>>;
    if (!isStatus(status)) return unhealthy(`the check answered the status ${String(status)}, which is none`, nowMs);
    return Object.freeze({
      status,
      timestamp: timestamp instanceof Date && !Number.isNaN(timestamp.getTime()) ? timestamp : new Date(nowMs),
      ...(error === undefined || error === null ? {} : { error: messageOf(error) }),
      ...(typeof details === 'object' && details !== null ? { details: Object.freeze({ ...details }) } : {}),
    });
  } catch (error) {
    return unhealthy(error, nowMs);
  }
}

const isStatus = (value: unknown): value is HealthStatus => typeof value === 'string' && Object.hasOwn(SEVERITY, value);

function messageOf(reason: unknown): string {
  let text: string;
  try {
    text = reason instanceof Error ? reason.message : String(reason);
  } catch {
    text = 'the check threw something that cannot be shown';
  }
  return text.length <= MAX_ERROR_LENGTH ? text : `${text.slice(0, MAX_ERROR_LENGTH)}…`;
}
