import type { FileSystem } from './file-system.js';
import { timeOf, type LoggedEvent } from './logged-event.js';

/** Which events: those that fit everything that is given. */
export interface EventFilter {
  /** By the events' `timestamp`, inclusive. */
  readonly since?: Date;
  /** Exclusive. */
  readonly until?: Date;
  readonly eventType?: string;
  readonly serviceId?: string;
  /** `details.action`. */
  readonly action?: string;
  /** `details.success`. */
  readonly success?: boolean;
}

/** Which events, how many, and from where. */
export interface LogFilter extends EventFilter {
  /** How many at most, from the oldest on. Default: all. */
  readonly limit?: number;
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
}

export function fits(event: LoggedEvent['event'], { since, until, eventType, serviceId, action, success }: EventFilter): boolean {
  if (eventType !== undefined && event['eventType'] !== eventType) return false;
  if (serviceId !== undefined && event['serviceId'] !== serviceId) return false;
  const details = event['details'] as { action?: unknown; success?: unknown } | null | undefined;
  if (action !== undefined && details?.action !== action) return false;
  if (success !== undefined && details?.success !== success) return false;
  if (since === undefined && until === undefined) return true;
  const time = timeOf(event);
  return time >= (since?.getTime() ?? Number.NEGATIVE_INFINITY) && time < (until?.getTime() ?? Number.POSITIVE_INFINITY);
}
