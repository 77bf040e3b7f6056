import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from './support/support.js';

const SMALL_DISK = 'mount -t tmpfs -o size=256k,mode=700 mesh "$0"';
/** In a mount namespace of its own: nobody else sees the disk, and it is gone with the process. */
const inNamespace = (command: string, ...args: readonly string[]): [string, string[]] => ['unshare', ['--mount', '--propagation', 'private', 'sh', '-c', command, ...args]];

const canMount = spawnSync(...inNamespace(SMALL_DISK, temporaryDirectory())).status === 0;
if (!canMount) console.error("SKIPPED test/full-disk.test.ts, 'a real disk that is full': mounting one needs root");

(canMount ? test : test.skip)('a real disk that is full: nothing acknowledged is lost or doubled, and with room the log goes on', async () => {
  const directory = temporaryDirectory();
  const script = fileURLToPath(new URL('children/full-disk.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(...inNamespace(`${SMALL_DISK} && exec "$1" "$2" "$0"`, directory, process.execPath, script), { env: { ...process.env, NODE_OPTIONS: '' }, timeout: 25_000 });
  const { acknowledged, refused, unacknowledged, errors, found, status, problem } = JSON.parse(stdout) as Record<string, unknown> & { acknowledged: number[]; found: number[]; errors: string[] };
  expect(refused).toEqual(['log_write_failed true true', 'log_write_failed true true']);
  expect(errors[0]).toMatch(/^the audit log cannot be written.*ENOSPC/);
  expect([status, problem]).toEqual(['authentic', undefined]);
  // Twice filled, the second time with room for more.
  expect(acknowledged.length).toBeGreaterThan(100);
  expect(acknowledged).toEqual(Array.from({ length: acknowledged.length }, (_, index) => index + 1));
  expect(found).toEqual(acknowledged);
  expect(unacknowledged).toBe(acknowledged.length + 1);
  // The disk is gone.
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(directory);
});
