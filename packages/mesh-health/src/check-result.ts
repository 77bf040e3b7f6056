import { escapeControls, type HealthCheckResult, type HealthStatus } from '@lemur-bookstores/mesh-interface';
import { plainDetails } from './check-details.js';

/** A check's message is shown on dashboards and stands in the audit trail: not more than this of it. */
const MAX_ERROR_LENGTH = 1_024;
/** Where a message goes over into a stack, as in `String(error.stack)`. */
const STACK = /\r?\n\s+at [^]*$/;
/** The user and password of an address: drivers like to repeat their connection string. */
const CREDENTIALS = /:\/\/[^\s/@]+@/g;

/** The message of a check that has no result yet. */
export const NO_RESULT = 'no result yet';

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
      ...(typeof details === 'object' && details !== null ? { details: plainDetails(details) } : {}),
    });
  } catch (error) {
    return unhealthy(error, nowMs);
  }
}

const isStatus = (value: unknown): value is HealthStatus => typeof value === 'string' && Object.hasOwn(SEVERITY, value);

function messageOf(reason: unknown): string {
  let text: string;
  try {
    text = String(reason instanceof Error ? reason.message : reason);
  } catch {
    text = 'the check threw something that cannot be shown';
  }
  // Cut first: what follows is to cost little, however long the message is.
  const line = text.slice(0, 4 * MAX_ERROR_LENGTH).replace(STACK, '').replace(CREDENTIALS, '://[redacted]@').replace(/\s+/g, ' ').trim();
  const shown = escapeControls(line);
  return shown.length <= MAX_ERROR_LENGTH ? shown : `${shown.slice(0, MAX_ERROR_LENGTH)}…`;
}
