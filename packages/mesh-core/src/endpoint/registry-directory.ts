import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** `MESH_RUNTIME_DIR`, else `XDG_RUNTIME_DIR`, else a folder of the user's own in the temporary directory. */
export function defaultRuntimeDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['MESH_RUNTIME_DIR'] !== undefined && env['MESH_RUNTIME_DIR'] !== '') return env['MESH_RUNTIME_DIR'];
  if (env['XDG_RUNTIME_DIR'] !== undefined && env['XDG_RUNTIME_DIR'] !== '') return join(env['XDG_RUNTIME_DIR'], 'secure-stack-mesh');
  return join(tmpdir(), `secure-stack-mesh-${userInfo().uid}`);
}

/**
 * Creates a folder that only this user can write to or look into, and checks that it is one: in a shared temporary directory
 * somebody else may have been there first.
 * @throws MeshError `runtime_dir_unsafe`
 */
export function ensurePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const stat = lstatSync(directory);
    if (!stat.isDirectory()) throw unsafe(directory, 'is not a directory');
    if (process.getuid !== undefined && stat.uid !== process.getuid()) throw unsafe(directory, 'belongs to another user');
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) throw unsafe(directory, `has mode ${(stat.mode & 0o777).toString(8)}; run: chmod 700 ${directory}`);
  } catch (error) {
    if (MeshError.is(error)) throw error;
    throw new MeshError('runtime_dir_unsafe', `cannot use ${directory} as runtimeDir: ${(error as Error).message}; set MESH_RUNTIME_DIR or paths.runtimeDir`, { cause: error });
  }
}

const unsafe = (directory: string, what: string): MeshError => new MeshError('runtime_dir_unsafe', `${directory} ${what}`);
