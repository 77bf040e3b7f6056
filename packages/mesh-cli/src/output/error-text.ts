import { MeshError } from '@lemur-bookstores/mesh-interface';

/** What operators know an errno by. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no',
  EACCES: 'no permission for',
  EPERM: 'no permission for',
  ENOTDIR: 'is no folder:',
  EISDIR: 'is a folder:',
  ELOOP: 'is a symbolic link, which is not followed:',
  ENOSPC: 'no space left for',
};

/** An error in words for a person: what is wrong with what was asked for. Only of what nobody foresaw is the stack shown. */
export function errorText(error: unknown): string {
  if (MeshError.is(error)) {
    // A wrong command line needs no looking up; every other reason has an entry in docs/errors.md.
    if (error.reason === 'invalid_option') return error.text;
    return error.reason === 'log_tampered' ? `${error.message} ('secure-stack-mesh audit verify' says where)` : error.message;
  }
  const { code, path, message, stack } = error as NodeJS.ErrnoException;
  if (code === undefined) return `this should not have happened: ${stack ?? message}`;
  return path === undefined ? message : `${WORDS[code] ?? `${code}:`} '${path}'`;
}
