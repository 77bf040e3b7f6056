import { resolve } from 'node:path';
import { MeshError, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { isPath, MIN_SEGMENT_BYTES, serviceLogProblems, type FileSystem, type LogTimezone, type Rotation, type SignedCheckpoint, type SigningKey, type SigningKeys } from '@lemur-bookstores/mesh-log';

/** Options of a {@link FileAdapter}. */
export interface FileAdapterOptions {
  /** When the next segment begins: at midnight, at the full hour, or before a segment has more than `maxBytes` (at least 4,096). Default `daily`. */
  readonly rotation?: Rotation | undefined;
  /** Days after their end at which whole segments are deleted; above 0, `Infinity` for never. Default 365. */
  readonly retention?: number | undefined;
  /** Gzips closed segments. Default true. */
  readonly compress?: boolean | undefined;
  /** `group`: what is acknowledged is durable. `none`: it is written, and a loss of power may take it. Default `group`. */
  readonly sync?: 'group' | 'none' | undefined;
  /**
   * What signs checkpoints: a key, a key with those before it, or a folder of keys, in whose `audit/` they are kept and made (0700, files 0600; never in the
   * log's own folder). Default: the mesh's `paths.keysDir`, else `defaultKeysDir()`.
   */
  readonly signWith?: SigningKey | SigningKeys | string | undefined;
  /** Whose midnight and hours. Default `local`. */
  readonly timezone?: LogTimezone | undefined;
  /**
   * The log's name in its checkpoints, unique among all logs: one word without `+`. A further instance has `-2` … behind it.
   * Default: `secure-stack-mesh/<serviceId>/` and 16 digits by chance, made where a log begins and kept with it.
   */
  readonly origin?: string | undefined;
  /** Called with each checkpoint once it is on disk: to be kept elsewhere. What it throws is logged. */
  readonly onCheckpoint?: ((checkpoint: SignedCheckpoint) => void) | undefined;
  /** Default: the mesh's, else warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Default: the mesh's, else the machine's. */
  readonly clock?: Clock | undefined;
  /** Default: the machine's. For tests. */
  readonly fileSystem?: FileSystem | undefined;
}

/** Options with their defaults, but for those that the mesh's context may give. */
export interface FileAdapterSettings extends Omit<FileAdapterOptions, 'rotation' | 'retention' | 'compress' | 'sync' | 'timezone'> {
  /** Absolute: the folder of all logs. */
  readonly directory: string;
  readonly rotation: Rotation;
  readonly retention: number;
  readonly compress: boolean;
  readonly sync: 'group' | 'none';
  readonly timezone: LogTimezone;
}

const NAMES: readonly (keyof FileAdapterOptions)[] = [
  'rotation', 'retention', 'compress', 'sync', 'signWith', 'timezone', 'origin', 'onCheckpoint', 'logger', 'clock', 'fileSystem',
];

/** @throws MeshError `invalid_option` that names every problem by its path, also in `details.problems` */
export function resolveFileAdapterOptions(directory: string, options: FileAdapterOptions): FileAdapterSettings {
  const problems: string[] = [];
  const must = (path: string, fits: boolean, what: string): void => void (fits || problems.push(`${path}: must be ${what}`));
  must('directory', isPath(directory), 'the path of a folder');
  if (!isObject(options)) {
    problems.push('options: must be an object');
    throw invalid(problems);
  }
  for (const name of Object.keys(options)) if (!(NAMES as readonly string[]).includes(name)) problems.push(`${name}: there is no such option; there are ${NAMES.join(', ')}`);
  const { rotation = 'daily', retention = 365, compress = true, sync = 'group', timezone = 'local', signWith, origin, onCheckpoint, logger, clock, fileSystem } = options;
  if (isObject(rotation)) {
    must('rotation.maxBytes', Number.isSafeInteger(rotation.maxBytes) && rotation.maxBytes >= MIN_SEGMENT_BYTES, `a whole number of at least ${MIN_SEGMENT_BYTES}`);
  } else must('rotation', rotation === 'daily' || rotation === 'hourly', "'daily', 'hourly' or { maxBytes }");
  must('compress', typeof compress === 'boolean', 'true or false');
  must('sync', sync === 'group' || sync === 'none', "'group' or 'none'");
  must('timezone', timezone === 'local' || timezone === 'utc', "'local' or 'utc'");
  must('onCheckpoint', onCheckpoint === undefined || typeof onCheckpoint === 'function', 'a function');
  problems.push(...serviceLogProblems({ retention, signWith, origin, logger, clock, fileSystem }));
  if (problems.length > 0) throw invalid(problems);
  return Object.freeze({
    ...options,
    directory: resolve(directory),
    signWith: isPath(signWith) ? resolve(signWith) : signWith,
    rotation, retention, compress, sync, timezone,
  });
}

const invalid = (problems: readonly string[]): MeshError => new MeshError('invalid_option', problems.join('; '), { details: { problems } });

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
