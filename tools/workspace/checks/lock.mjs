// The lock says everything a clean install needs, and no tracked file says where from.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * `npm ci` accepts manifests and lock together. With an empty cache and no network npm has nothing but the lock to go by: whatever
 * the lock lacks is an error.
 */
export async function lockIsComplete(folder) {
  const cache = mkdtempSync(join(tmpdir(), 'mesh-check-cache-'));
  try {
    await execute('npm', ['ci', '--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--cache', cache], { cwd: folder });
    return [];
  } catch (error) {
    const said = `${error.stdout ?? ''}${error.stderr ?? ''}`.split('\n').filter((line) => line.startsWith('npm error') && !line.includes('complete log'));
    return [said.slice(0, 3).join(' ') || error.message];
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

/** A registry address pins the clone to one mirror: the user's own npm configuration decides. */
const REGISTRY_ADDRESSES = ['"resolved": "https?:', 'registry[.][a-z0-9-]+[.](com|org|net|io|dev|cloud)', 'registry"?[=:] ?"?https?:', '_authToken'];

/** Lists `file:line` of every tracked line that names a registry. Works on a git working tree. */
export async function registryAddresses(root) {
  const patterns = REGISTRY_ADDRESSES.flatMap((pattern) => ['-e', pattern]);
  try {
    const { stdout } = await execute('git', ['grep', '-nIE', ...patterns, '--', '.', ':!tools/workspace/checks/lock.mjs'], { cwd: root, maxBuffer: 64 << 20 });
    return stdout.trim().split('\n').map((line) => line.slice(0, 160));
  } catch (error) {
    if (error.code === 1) return []; // git grep: nothing found
    throw error;
  }
}
