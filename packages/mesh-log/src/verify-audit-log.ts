import { join } from 'node:path';
import { errorCode, nodeFileSystem, type FileSystem } from './file-system.js';
import { LogVerifier } from './log-verifier.js';
import { logDirectories } from './log-directories.js';
import { listSegments } from './segment.js';
import { resolveTrust, type Trust, type TrustOptions } from './trust.js';
import type { AuditVerification, LogVerification, VerificationStatus } from './verification.js';

/** What to verify under, and from where. Without key and checkpoint the best answer is `consistent`. */
export interface VerifyOptions extends TrustOptions {
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
}

const ATTEMPTS = 5;
const WORST_FIRST: readonly VerificationStatus[] = ['tampered', 'consistent', 'authentic'];

/**
 * Verifies the log in a folder, or all logs in the folders of it. Reads everything once, in bounded memory, and changes nothing; also
 * while the log is being written.
 * @throws MeshError `invalid_option` or `note_invalid` for a key or checkpoint that is none; Node's error where a file cannot be read
 */
export async function verifyAuditLog(directory: string, { fileSystem = nodeFileSystem, ...trust }: VerifyOptions = {}): Promise<AuditVerification> {
  const { trustFor, origins } = resolveTrust(trust);
  const logs: LogVerification[] = [];
  for (const name of await logDirectories(fileSystem, directory)) {
    const log = await verifyLog(fileSystem, join(directory, name), trustFor);
    const same = logs.find(({ origin }) => origin !== undefined && origin === log.origin);
    logs.push(same === undefined ? log : doubled(log, same.directory));
  }
  for (const origin of new Set(origins)) {
    if (!logs.some((log) => log.origin === origin)) logs.push(missing(directory, origin));
  }
  if (logs.length === 0) logs.push({ ...missing(directory), problem: { record: 0, text: 'there is no log' } });
  return { status: WORST_FIRST.find((status) => logs.some((log) => log.status === status)) ?? 'tampered', logs };
}

/**
 * The writer may retire a segment between the listing and the reading, and a large folder is not listed at one moment: what looks wrong in a
 * log that changed meanwhile is read anew.
 */
async function verifyLog(fileSystem: FileSystem, directory: string, trustFor: (origin: string) => Trust): Promise<LogVerification> {
  for (let attempt = 1; ; attempt++) {
    const before = await stampOf(fileSystem, directory);
    const isFinal = async (): Promise<boolean> => attempt === ATTEMPTS || (await stampOf(fileSystem, directory)) === before;
    try {
      const result = await new LogVerifier(fileSystem, directory, trustFor).verify();
      if (result.status !== 'tampered' || (await isFinal())) return result;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || (await isFinal())) throw error;
    }
  }
}

/** What changes with each commit, rotation, compression and retirement. */
async function stampOf(fileSystem: FileSystem, directory: string): Promise<string> {
  const files = await listSegments(fileSystem, directory);
  const newest = files.at(-1);
  return JSON.stringify([files.map(({ path }) => path), newest && (await fileSystem.status(newest.path))]);
}

/** No two logs have one origin: a copy stands in the place of another log, or a log was copied and goes on in two places. */
const doubled = (log: LogVerification, other: string): LogVerification => ({
  ...log,
  status: 'tampered',
  clean: false,
  problem: log.problem ?? { record: 0, text: `it is the log that also stands in '${other}': one of the two is a copy` },
});

const missing = (directory: string, origin?: string): LogVerification => ({
  directory,
  status: 'tampered',
  ...(origin !== undefined && { origin }),
  size: 0,
  root: '',
  checkpoints: 0,
  notAuthenticated: [],
  clean: false,
  problem: { record: 0, text: `the log '${origin ?? ''}', of which a checkpoint was kept, is not there` },
});
