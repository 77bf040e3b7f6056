import { join, resolve } from 'node:path';
import { claimWriterLock, nodeFileSystem } from '@lemur-bookstores/mesh-log';
import type { AuditLoggerOptions } from './audit-options.js';
import type { SpillSettings } from './spill/open-spill.js';

const DEFAULT_MAX_BYTES = 1_073_741_824;
/** Room for some events of any size. */
const LEAST_MAX_BYTES = 65_536;

/** Fills in the defaults of `spill`; problems by path. @returns `undefined` where there is none */
export function completeSpillOptions({ spill, context }: AuditLoggerOptions, problems: string[]): SpillSettings | undefined {
  if (spill === undefined || spill === false) return undefined;
  if (spill !== true && (typeof spill !== 'object' || spill === null)) {
    problems.push('spill: must be true, false or an object');
    return undefined;
  }
  const { directory, maxBytes = DEFAULT_MAX_BYTES, fileSystem = nodeFileSystem, claimLock = claimWriterLock } = spill === true ? {} : spill;
  if (directory !== undefined && (typeof directory !== 'string' || directory === '')) problems.push('spill.directory: must be a folder');
  if (!Number.isSafeInteger(maxBytes) || maxBytes < LEAST_MAX_BYTES) problems.push(`spill.maxBytes: must be a whole number of at least ${LEAST_MAX_BYTES}, not ${String(maxBytes)}`);
  const logsDir = context?.paths?.logsDir;
  if (directory === undefined && logsDir === undefined) problems.push('spill.directory: must be given where context has no paths');
  return { directoryFor: (serviceId) => resolve(directory ?? join(logsDir ?? '', 'spill', serviceId)), maxBytes, fileSystem, claimLock };
}
