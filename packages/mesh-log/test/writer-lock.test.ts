import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { claimWriterLock, type WriterLock } from '../src/writer-lock.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { event, openLog, ORIGIN, publicKey, temporaryDirectory, key } from './support/logs.js';

const socketsIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.sock'));
const DIST = fileURLToPath(new URL('../dist/index.js', import.meta.url));

const CLUSTER = fileURLToPath(new URL('support/cluster.mjs', import.meta.url));

/** A writer in a process of its own, which holds a folder until it is killed. */
async function otherProcess(directory: string): Promise<{ kill(): Promise<void> }> {
  const code = `import { claimWriterLock } from ${JSON.stringify(DIST)}; console.log((await claimWriterLock(process.argv[1])) === undefined ? 'refused' : 'held'); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await new Promise<Buffer[]>((resolve) => child.stdout.once('data', (data: Buffer) => resolve([data])))) as [Buffer];
  expect(String(said).trim()).toBe('held');
  return { kill: () => new Promise((resolve) => (child.once('exit', () => resolve()), child.kill('SIGKILL'))) };
}

test('a folder has one writer; when it goes, the next comes', async () => {
  const directory = join(temporaryDirectory(), 'log');
  const lock = (await claimWriterLock(directory)) as WriterLock;
  expect(await claimWriterLock(directory)).toBeUndefined();
  await lock.release();
  expect(socketsIn(directory)).toEqual([]);
  const next = (await claimWriterLock(directory)) as WriterLock;
  expect(next).toBeDefined();
  await next.release();
});

test('of many who come at once exactly one gets it, also over the remains of a dead one', async () => {
  for (let round = 0; round < 20; round++) {
    const directory = join(temporaryDirectory(), 'log');
    if (round === 0) await (await otherProcess(directory)).kill();
    const locks = (await Promise.all(Array.from({ length: 12 }, () => claimWriterLock(directory)))).filter((lock) => lock !== undefined);
    expect(locks).toHaveLength(1);
    await locks[0]?.release();
  }
});

test('another process is seen while it lives, and its place taken when it was killed', async () => {
  const directory = join(temporaryDirectory(), 'log');
  const other = await otherProcess(directory);
  expect(await claimWriterLock(directory)).toBeUndefined();
  await other.kill();
  expect(socketsIn(directory)).toHaveLength(1);
  const lock = (await claimWriterLock(directory)) as WriterLock;
  expect(lock).toBeDefined();
  await lock.release();
  expect(socketsIn(directory)).toEqual([]);
});

test('one that lives and does not answer is not taken for dead', async () => {
  const directory = join(temporaryDirectory(), 'log');
  mkdirSync(directory);
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(join(directory, `writer-${'f'.repeat(24)}.sock`), resolve));
  expect(await claimWriterLock(directory)).toBeUndefined();
  silent.close();
});

test("a socket of another user's writer, dead or alive, is not passed over in silence", async () => {
  // Only root can be somebody else.
  if (process.getuid?.() !== 0) return;
  const directory = join(temporaryDirectory(), 'log');
  mkdirSync(directory);
  chmodSync(join(directory, '..'), 0o755);
  chmodSync(directory, 0o777);
  await (await otherProcess(directory)).kill();
  const [socket] = socketsIn(directory) as [string];
  chmodSync(join(directory, socket), 0o755);
  // Somebody else may not be able to read where this is: it becomes one once everything is loaded.
  const code = `import { claimWriterLock } from ${JSON.stringify(DIST)}; process.setgroups([]); process.setuid(65534); await claimWriterLock(process.argv[1]).then((lock) => console.log(String(lock)), (error) => console.log(error.message));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code, directory], { encoding: 'utf8' });
  expect(said).toMatch(new RegExp(`^log_locked: .*${socket}.*another user`));
  expect(socketsIn(directory)).toEqual([socket]);
});

test('workers of a cluster claim for themselves, also by a path too long for a socket', async () => {
  for (const directory of [join(temporaryDirectory(), 'log'), join(temporaryDirectory(), 'x'.repeat(120), 'y'.repeat(120))]) {
    const primary = spawn(process.execPath, [CLUSTER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const said = createInterface({ input: primary.stdout })[Symbol.asyncIterator]();
    expect(((await said.next()).value as string).split(' ').sort()).toEqual(['held', 'refused']);
    expect(await claimWriterLock(directory)).toBeUndefined();
    // It ends its worker that holds the folder, and lives on.
    primary.kill('SIGUSR2');
    expect((await said.next()).value).toBe('ended');
    const lock = (await claimWriterLock(directory)) as WriterLock;
    expect(lock).toBeDefined();
    await lock.release();
    primary.kill('SIGKILL');
    await new Promise((resolve) => primary.once('exit', resolve));
  }
});

test('folders with a path too long for a socket work too', async () => {
  const directory = join(temporaryDirectory(), 'x'.repeat(120), 'y'.repeat(120));
  const lock = (await claimWriterLock(directory)) as WriterLock;
  expect(await claimWriterLock(directory)).toBeUndefined();
  expect(socketsIn(directory)).toHaveLength(1);
  await lock.release();
  expect(socketsIn(directory)).toEqual([]);
});

test('a folder that cannot be made is said to be', async () => {
  await expect(claimWriterLock('/dev/null/log')).rejects.toThrow(/^log_locked/);
});

test('two writers of one service write two logs, which verify together', async () => {
  const parent = temporaryDirectory();
  const directory = join(parent, 'order-service');
  const [one, two] = await Promise.all([openLog(directory), openLog(directory)]);
  const [first, second] = one.directory === directory ? [one, two] : [two, one];
  expect([first.directory, first.origin, second.directory, second.origin]).toEqual([directory, ORIGIN, `${directory}-2`, `${ORIGIN}-2`]);
  await Promise.all([one.append([event(0)]), two.append([event(1)])]);
  await Promise.all([one.close(), two.close()]);
  const { status, logs } = await verifyAuditLog(parent, { publicKey: [publicKey, key.verifierKey(`${ORIGIN}-2`)] });
  expect([status, logs.map(({ origin }) => origin)]).toEqual(['authentic', [ORIGIN, `${ORIGIN}-2`]]);
  const again = await openLog(directory);
  expect(again.directory).toBe(directory);
  await again.close();
  expect(existsSync(`${directory}-3`)).toBe(false);
});
