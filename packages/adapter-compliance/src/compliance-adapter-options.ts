import { resolve } from 'node:path';
import { MeshError, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { isPath, serviceLogProblems, type FileSystem, type SigningKey, type SigningKeys } from '@lemur-bookstores/mesh-log';
import { findRequirement, type FoundRequirement } from './standards/find-requirement.js';

/** Options of a {@link ComplianceAdapter}. */
export interface ComplianceAdapterOptions {
  /** What reports are made for: `PCI-DSS`, `SOC2`, `ISO-27001`, `NIST-SP-800-57`. */
  readonly standard: string;
  /** Its number, in any version of the standard: `3.6.4` of PCI DSS v3.2.1 is `3.7.4` of v4.0.1. */
  readonly requirement: string;
  /** The folder of ledgers: that of the service is `<directory>/<serviceId>`. Default: `compliance` in the mesh's `paths.logsDir`. */
  readonly directory?: string | undefined;
  /** Days after their end at which whole segments of the ledger are deleted; above 0, `Infinity` for never. Default 1,095: three years. */
  readonly retention?: number | undefined;
  /** There is an entry at least this often, in ms, 1,000 or more: a longer silence is a gap in what the ledger can speak for. Default 300,000. */
  readonly heartbeatMs?: number | undefined;
  /** What signs ledger and reports: a key, a key with those before it, or a folder of keys, in whose `audit/` they are. Default: the mesh's `paths.keysDir`, else `defaultKeysDir()`. */
  readonly signWith?: SigningKey | SigningKeys | string | undefined;
  /** The ledger's name in its checkpoints: one word without `+`. Default: `secure-stack-mesh-compliance/<serviceId>/` and 16 digits by chance. */
  readonly origin?: string | undefined;
  /** Default: the mesh's, else warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Default: the mesh's, else the machine's. */
  readonly clock?: Clock | undefined;
  /** Default: the machine's. For tests. */
  readonly fileSystem?: FileSystem | undefined;
}

/** Options with their defaults, but for those that the mesh's context may give. */
export interface ComplianceAdapterSettings extends Omit<ComplianceAdapterOptions, 'standard' | 'requirement' | 'retention' | 'heartbeatMs'> {
  readonly found: FoundRequirement;
  readonly retention: number;
  readonly heartbeatMs: number;
}

const NAMES: readonly (keyof ComplianceAdapterOptions)[] = ['standard', 'requirement', 'directory', 'retention', 'heartbeatMs', 'signWith', 'origin', 'logger', 'clock', 'fileSystem'];
const MIN_HEARTBEAT_MS = 1000;

/** @throws MeshError `invalid_option` that names every problem by its path, also in `details.problems` */
export function resolveComplianceAdapterOptions(options: ComplianceAdapterOptions): ComplianceAdapterSettings {
  if (!isObject(options)) throw invalid(['options: must be an object with standard and requirement']);
  const problems: string[] = [];
  const must = (path: string, fits: boolean, what: string): void => void (fits || problems.push(`${path}: must be ${what}`));
  for (const name of Object.keys(options)) if (!(NAMES as readonly string[]).includes(name)) problems.push(`${name}: there is no such option; there are ${NAMES.join(', ')}`);
  const { standard, requirement, retention = 1095, heartbeatMs = 300_000, directory, signWith, origin, logger, clock, fileSystem } = options;
  const found = findRequirement(standard, requirement);
  if (typeof found === 'string') problems.push(found);
  must('directory', directory === undefined || isPath(directory), 'the path of a folder');
  must('heartbeatMs', Number.isSafeInteger(heartbeatMs) && heartbeatMs >= MIN_HEARTBEAT_MS, `a whole number of at least ${MIN_HEARTBEAT_MS}`);
  problems.push(...serviceLogProblems({ retention, signWith, origin, logger, clock, fileSystem }));
  if (problems.length > 0 || typeof found === 'string') throw invalid(problems);
  return Object.freeze({
    found, retention, heartbeatMs, origin, logger, clock, fileSystem,
    directory: directory === undefined ? undefined : resolve(directory),
    signWith: isPath(signWith) ? resolve(signWith) : signWith,
  });
}

const invalid = (problems: readonly string[]): MeshError => new MeshError('invalid_option', problems.join('; '), { details: { problems } });

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
