import { isAbsolute } from 'node:path';
import { MeshError, SafeLogger, stderrLogger, systemClock, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import type { SignedCheckpoint } from './checkpoint.js';
import { nodeFileSystem, type FileSystem } from './file-system.js';
import type { LogTimezone, Rotation } from './rotation-schedule.js';
import { isNoteName } from './signed-note.js';
import type { SigningKey } from './signing-key.js';
import { claimWriterLock, type WriterLock } from './writer-lock.js';

/**
 * Names a log by what is found in a folder: a log that is there has the name `found` and keeps it, one that begins has none yet.
 * @returns the log's origin, with nothing put behind it; `undefined` where the folder is another's, and the next instance's is to be taken
 */
export type LogNaming = (found: string | undefined) => string | undefined;

/** How a log is written. */
export interface LogWriterOptions {
  /** The log's own folder. A further instance takes `<directory>-2`, `<directory>-3` …, and the same is put behind the origin. */
  readonly directory: string;
  /**
   * What the log is called in its checkpoints, unique among all logs: one word without `+`, e.g. `example.org/order-service`. Or a
   * {@link LogNaming}.
   */
  readonly origin: string | LogNaming;
  /** Signs checkpoints. Never kept in the log's folder. */
  readonly key: SigningKey;
  /** Keys that signed before: a log of theirs is handed over to `key`. Default none. */
  readonly previousKeys?: readonly SigningKey[];
  /** When the next segment begins. More than `maxBytes` are in a segment only where one batch alone is larger. Default `daily`. */
  readonly rotation?: Rotation;
  /** Whose midnight and hours. Default `local`. */
  readonly timezone?: LogTimezone;
  /** Days after their end at which whole segments are deleted; above 0. Default 365. */
  readonly retentionDays?: number;
  /** Gzips closed segments. Default true. */
  readonly compress?: boolean;
  /** `group`: acknowledged is durable. `none`: acknowledged is written, and a power failure may take it; checkpoints are synced still. Default `group`. */
  readonly sync?: 'group' | 'none';
  /** Bytes of records, with what the log puts around them, that may wait for the disk; beyond them appends fail with `queue_full`. Default 64 MiB. */
  readonly maxPendingBytes?: number;
  /**
   * How long a disk may take nothing, in ms, before what waits for it is given back with `log_write_failed`; from then on after each try
   * that fails. Default: without end.
   */
  readonly patienceMs?: number;
  /** Called with each checkpoint once it is on disk; to be kept elsewhere. What it throws is logged. */
  readonly onCheckpoint?: (checkpoint: SignedCheckpoint) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: warnings to stderr. */
  readonly logger?: Logger;
  /** Default: the machine's. For tests. */
  readonly fileSystem?: FileSystem;
  /** Claims a folder; `undefined` where it has a living writer. Default: {@link claimWriterLock}. For tests. */
  readonly claimLock?: (directory: string) => Promise<WriterLock | undefined>;
}

/** Options with every default in place. */
export type ResolvedLogOptions = Required<LogWriterOptions>;

/** Smallest `rotation.maxBytes`. */
export const MIN_SEGMENT_BYTES = 4096;

/** @throws MeshError `invalid_option` that names every problem */
export function resolveLogOptions(options: LogWriterOptions): ResolvedLogOptions {
  const resolved: ResolvedLogOptions = {
    previousKeys: [],
    rotation: 'daily',
    timezone: 'local',
    retentionDays: 365,
    compress: true,
    sync: 'group',
    maxPendingBytes: 64 * 1024 * 1024,
    patienceMs: Number.POSITIVE_INFINITY,
    onCheckpoint: () => undefined,
    clock: systemClock,
    logger: stderrLogger,
    fileSystem: nodeFileSystem,
    claimLock: claimWriterLock,
    ...(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as LogWriterOptions),
  };
  const { directory, origin, rotation, timezone, retentionDays, sync, maxPendingBytes, patienceMs } = resolved;
  const problems: string[] = [];
  if (typeof directory !== 'string' || !isAbsolute(directory)) problems.push('directory: must be an absolute path');
  if (typeof origin !== 'function' && (typeof origin !== 'string' || !isNoteName(origin))) problems.push("origin: must be one word without '+'");
  if (resolved.key === undefined) problems.push('key: is required');
  const bySize = typeof rotation === 'object' && Number.isSafeInteger(rotation.maxBytes) && rotation.maxBytes >= MIN_SEGMENT_BYTES;
  if (rotation !== 'daily' && rotation !== 'hourly' && !bySize) problems.push(`rotation: must be 'daily', 'hourly' or { maxBytes } of at least ${MIN_SEGMENT_BYTES}`);
  if (timezone !== 'local' && timezone !== 'utc') problems.push("timezone: must be 'local' or 'utc'");
  if (!(retentionDays > 0)) problems.push('retentionDays: must be above 0');
  if (sync !== 'group' && sync !== 'none') problems.push("sync: must be 'group' or 'none'");
  if (!(maxPendingBytes > 0)) problems.push('maxPendingBytes: must be above 0');
  if (!(patienceMs >= 0)) problems.push('patienceMs: must be at least 0');
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  return Object.freeze({ ...resolved, logger: new SafeLogger(resolved.logger) });
}
