import type { Clock, Logger } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from './file-system.js';
import type { SigningKey } from './signing-key.js';
import type { SigningKeys } from './signing-key-files.js';

/** Options that every adapter with a log has, under the same names. */
export interface ServiceLogOptions {
  readonly retention: number;
  readonly signWith?: SigningKey | SigningKeys | string | undefined;
  readonly origin?: string | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  readonly fileSystem?: FileSystem | undefined;
}

/** What is wrong with them, each by its path; of other options it says nothing. */
export function serviceLogProblems({ retention, signWith, origin, logger, clock, fileSystem }: ServiceLogOptions): string[] {
  const problems: string[] = [];
  const must = (path: string, fits: boolean, what: string): void => void (fits || problems.push(`${path}: must be ${what}`));
  must('retention', typeof retention === 'number' && retention > 0, 'a number of days above 0');
  must('signWith', signWith === undefined || isPath(signWith) || isKey(signWith) || isKeys(signWith), 'a SigningKey, what openSigningKeys() gives, or the path of a folder of keys');
  must('origin', origin === undefined || (typeof origin === 'string' && /^[^\s+\p{Cc}\p{Surrogate}]{1,200}$/u.test(origin)), "one word without '+', of at most 200 characters");
  must('logger', logger === undefined || hasMethods(logger, ['debug', 'info', 'warn', 'error']), 'a logger');
  must('clock', clock === undefined || hasMethods(clock, ['now', 'monotonic', 'setTimeout']), 'a clock');
  must('fileSystem', fileSystem === undefined || hasMethods(fileSystem, ['create', 'open', 'list', 'status', 'rename', 'unlink']), 'a file system');
  return problems;
}

/** A NUL would end it early in the kernel. */
export const isPath = (value: unknown): value is string => typeof value === 'string' && value !== '' && !value.includes('\0');

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const hasMethods = (value: unknown, names: readonly string[]): boolean => isObject(value) && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');

/** By what it can do: another installed copy of this package may have made it. */
const isKey = (value: unknown): boolean => hasMethods(value, ['sign', 'verifierKey']);

const isKeys = (value: unknown): boolean => isObject(value) && isKey((value as Partial<SigningKeys>).key) && Array.isArray((value as Partial<SigningKeys>).previousKeys);
