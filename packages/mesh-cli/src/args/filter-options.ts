import { Option, type Command } from 'commander';
import { AUDIT_EVENT_TYPES, MeshError, type AuditEventType, type Clock } from '@lemur-bookstores/mesh-interface';
import type { EventFilter } from '@lemur-bookstores/mesh-log';
import { parseTime } from './time-argument.js';

/** As commander gives them. */
export interface FilterOptions {
  readonly since?: Date;
  readonly until?: Date;
  readonly type?: AuditEventType;
  readonly service?: string;
  readonly action?: string;
  readonly success?: boolean;
  readonly failed?: boolean;
}

/** Adds the options that choose events. */
export function addFilterOptions(command: Command, clock: Clock): Command {
  const time = (text: string): Date => parseTime(text, clock.now());
  return command
    .addOption(new Option('--since <time>', 'from then on: a date (UTC unless it has a zone), or how long ago, as 15m, 2h, 7d').argParser(time))
    .addOption(new Option('--until <time>', 'before that').argParser(time))
    .addOption(new Option('--type <type>', 'type of event').choices(AUDIT_EVENT_TYPES))
    .option('--service <id>', 'whose event it is')
    .option('--action <name>', 'what happened, e.g. auth.failed (docs/audit-events.md)')
    .addOption(new Option('--success', 'what succeeded').conflicts('failed'))
    .option('--failed', 'what failed');
}

/** @throws MeshError `invalid_option` */
export function filterOf({ since, until, type, service, action, success, failed }: FilterOptions): EventFilter {
  if (since !== undefined && until !== undefined && since >= until) throw new MeshError('invalid_option', `--until: nothing is from ${since.toISOString()} on and before ${until.toISOString()}`);
  return {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(type !== undefined && { eventType: type }),
    ...(service !== undefined && { serviceId: service }),
    ...(action !== undefined && { action }),
    ...((success === true || failed === true) && { success: success === true }),
  };
}
