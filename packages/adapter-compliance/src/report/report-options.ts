import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from '@lemur-bookstores/mesh-log';
import { findRequirement } from '../standards/find-requirement.js';
import type { ReportPeriod } from './compliance-report.js';

/** How a report is made from ledgers. */
export interface ReportOptions {
  /** Instead of what the newest ledger was kept for. */
  readonly standard?: string | undefined;
  /** Instead of what the newest ledger was kept for. */
  readonly requirement?: string | undefined;
  /** Ledgers of this service alone. Default: of all. */
  readonly service?: string | undefined;
  /** Keys that are known to be the ledgers': verifier keys (`origin+id+key`), or raw Ed25519 keys in base64. Without, what the report says of a ledger is `consistent` at best. */
  readonly publicKey?: string | readonly string[] | undefined;
  /** Signed notes of the ledgers' checkpoints that were kept elsewhere. */
  readonly checkpoint?: string | readonly string[] | undefined;
  /** Rows that each list may have, 1 to 100,000; beyond them what has nothing to say is counted and not listed. Default 10,000. */
  readonly maxRows?: number | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Default: the machine's. For tests. */
  readonly fileSystem?: FileSystem | undefined;
}

const NAMES: readonly (keyof ReportOptions)[] = ['standard', 'requirement', 'service', 'publicKey', 'checkpoint', 'maxRows', 'clock', 'fileSystem'];
export const DEFAULT_MAX_ROWS = 10_000;
const MOST_ROWS = 100_000;

/** @throws MeshError `invalid_option` that names every problem by its path, also in `details.problems` */
export function checkReport({ from, to }: ReportPeriod, options: ReportOptions): void {
  const problems = periodProblems(from, to);
  for (const name of Object.keys(options)) if (!(NAMES as readonly string[]).includes(name)) problems.push(`${name}: there is no such option; there are ${NAMES.join(', ')}`);
  const { standard, requirement, service, maxRows = DEFAULT_MAX_ROWS } = options;
  if ((standard === undefined) !== (requirement === undefined)) problems.push('requirement: standard and requirement go together');
  else if (standard !== undefined) {
    const found = findRequirement(standard, requirement);
    if (typeof found === 'string') problems.push(found);
  }
  if (service !== undefined && (typeof service !== 'string' || service === '')) problems.push('service: must be the id of a service');
  if (!Number.isSafeInteger(maxRows) || maxRows < 1 || maxRows > MOST_ROWS) problems.push(`maxRows: must be a whole number from 1 to ${MOST_ROWS}`);
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
}

function periodProblems(from: unknown, to: unknown): string[] {
  const isDate = (value: unknown): value is Date => value instanceof Date && !Number.isNaN(value.getTime());
  const problems = Object.entries({ from, to }).flatMap(([name, value]) => (isDate(value) ? [] : [`${name}: must be a valid Date`]));
  if (isDate(from) && isDate(to) && from >= to) problems.push(`to: nothing is from ${from.toISOString()} on and before ${to.toISOString()}`);
  return problems;
}
