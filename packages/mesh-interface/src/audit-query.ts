import { AUDIT_EVENT_TYPES, type AuditEventType } from './audit-event.js';
import { refuseProblems } from './option-check.js';

/** Which events: those that fit everything that is given. */
export interface AuditQuery {
  /** By the events' `timestamp`, inclusive. */
  readonly since?: Date | undefined;
  /** Exclusive. */
  readonly until?: Date | undefined;
  readonly eventType?: AuditEventType | undefined;
  readonly serviceId?: string | undefined;
  /** `details.action`. */
  readonly action?: string | undefined;
  /** `details.success`. */
  readonly success?: boolean | undefined;
  /** How many at most, from the oldest on. Default: all. */
  readonly limit?: number | undefined;
}

const NAMES: readonly (keyof AuditQuery)[] = ['since', 'until', 'eventType', 'serviceId', 'action', 'success', 'limit'];

/** @throws MeshError `invalid_option` that names every problem by its path: a filter that fits nothing because it is mistyped would look like an empty trail */
export function checkAuditQuery(query: AuditQuery): void {
  const problems: string[] = [];
  const must = (path: keyof AuditQuery, fits: (value: unknown) => boolean, what: string): void => {
    if (query[path] !== undefined && !fits(query[path])) problems.push(`${path}: must be ${what}`);
  };
  for (const name of Object.keys(query)) if (!(NAMES as readonly string[]).includes(name)) problems.push(`${name}: there is no such filter; there are ${NAMES.join(', ')}`);
  must('since', isDate, 'a valid Date');
  must('until', isDate, 'a valid Date');
  must('eventType', (value) => (AUDIT_EVENT_TYPES as readonly unknown[]).includes(value), `one of ${AUDIT_EVENT_TYPES.join(', ')}`);
  must('serviceId', (value) => typeof value === 'string', 'a text');
  must('action', (value) => typeof value === 'string', 'a text');
  must('success', (value) => typeof value === 'boolean', 'true or false');
  must('limit', (value) => typeof value === 'number' && value >= 0, 'a number of at least 0');
  refuseProblems(problems);
}

const isDate = (value: unknown): boolean => value instanceof Date && !Number.isNaN(value.getTime());
