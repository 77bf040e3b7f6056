import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import { openSigningKeys, verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { allOf, eventOf, fileAdapter, temporaryDirectory } from './support/support.js';

const script = fileURLToPath(new URL('children/failpoint.mjs', import.meta.url));
const root = temporaryDirectory();
const [directory, keysDir] = [join(root, 'logs'), join(root, 'keys')];
const acknowledged: number[] = [];

/** Runs until it kills itself. */
const run = (failpoint: string): Promise<NodeJS.Signals | undefined> =>
  new Promise((resolve) => {
    execFile(process.execPath, [script, directory, keysDir, failpoint, String(1000 + acknowledged.length)], { env: { ...process.env, NODE_OPTIONS: '' }, timeout: 20_000 }, (error, stdout) => {
      acknowledged.push(...stdout.trim().split('\n').map(Number));
      resolve(error?.signal ?? undefined);
    });
  });

beforeAll(() => openSigningKeys(keysDir));

// One log over all of them: each process opens what the one before left.
test.each([
  'before write', 'half a line', 'before sync', 'after sync, before acknowledge', 'checkpoint half written', 'rotation: segment made, still empty',
  'rotation: segment synced, its name is not', 'rotation: name synced, nothing acknowledged', 'compression: copy begun', 'compression: renamed, not recorded',
  'compression: recorded, plain one still there',
])('kill -9 %s: nothing acknowledged is lost, and the log verifies', async (failpoint) => {
  const before = acknowledged.length;
  expect(await run(failpoint)).toBe('SIGKILL');
  expect(acknowledged.length).toBeGreaterThan(before + 4);
  const found = new Set((await allOf(fileAdapter(directory).query())).map(({ sequence }) => sequence));
  expect(acknowledged.filter((sequence) => !found.has(sequence))).toEqual([]);
  const { key } = await openSigningKeys(keysDir);
  // The next writer says what is left of the unclean end.
  const next = fileAdapter(directory, { signWith: keysDir });
  await next.logEvent(eventOf({ serviceId: 'orders', sequence: 0 }));
  const origin = next.origin as string;
  await next.close();
  const { status, logs } = await verifyAuditLog(directory, { publicKey: key.verifierKey(origin) });
  expect([status, logs.length, logs[0]?.problem]).toEqual(['authentic', 1, undefined]);
});
