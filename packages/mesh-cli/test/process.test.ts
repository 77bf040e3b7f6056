import { execFile, spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { queryLog } from '@lemur-bookstores/mesh-log';
import { event, key, openLog, ORIGIN, temporaryDirectory } from './support/logs.js';

const WRITER = fileURLToPath(new URL('support/busy-writer.mjs', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const directory = join(temporaryDirectory(), 'order-service');

beforeAll(async () => {
  const log = await openLog(directory);
  await log.append(Array.from({ length: 3000 }, (_, sequence) => event(sequence)));
  await log.close();
});

function execute(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { maxBuffer: 64 << 20 }, (_error, out, err) => resolve({ code: child.exitCode, out, err }));
  });
}

describe('the program as it is installed', () => {
  test('verifies, and exits with what came out', async () => {
    expect(await execute('audit', 'verify', directory, '--key', key.publicKey.toString('base64'))).toMatchObject({ code: 0, out: expect.stringContaining('AUTHENTIC'), err: '' });
    expect(await execute('audit', 'verify', directory)).toMatchObject({ code: 1, out: expect.stringContaining('NOT authenticated'), err: '' });
    expect(await execute('audit', 'verify', `${directory}-none`)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^error: there is no /) });
  });

  test('has help and a version, and without a command says what there is', async () => {
    expect(await execute('--version')).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
    expect(await execute('--help')).toEqual({ code: 0, out: expect.stringContaining('Usage: secure-stack-mesh'), err: '' });
    expect(await execute()).toEqual({ code: 2, out: '', err: expect.stringContaining('Usage: secure-stack-mesh') });
  });

  test('a reader that goes away changes neither exit code nor ends in a stack trace', async () => {
    const child = spawn(process.execPath, [MAIN, 'audit', 'verify', directory, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    expect([await once(child, 'close'), err]).toEqual([[1, null], '']);
  });

  test('a query ends when its reader has enough', async () => {
    const child = spawn(process.execPath, [MAIN, 'audit', 'query', directory], { stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(JSON.parse(first.toString().split('\n')[0] as string)).toMatchObject({ sequence: 0 });
    child.stdout.destroy();
    expect([await once(child, 'close'), err]).toEqual([[0, null], '']);
  });

  test('a piped query is JSON Lines, all of them', async () => {
    const { code, out } = await execute('audit', 'query', directory);
    expect([code, out.split('\n').length - 1]).toEqual([0, 3000]);
  });
});

const started: ChildProcess[] = [];
afterEach(() => started.splice(0).forEach((child) => child.kill('SIGKILL')));

/** A process that writes into a log, or into the next instance's where that is taken. */
function writer(log: string, count: number): ChildProcess {
  const child = spawn(process.execPath, [WRITER, log, ORIGIN, String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin?.end(key.toPem());
  started.push(child);
  return child;
}

describe('audit tail -f', () => {
  test('prints each event once and in order beside writers that rotate, compress, begin new logs, and are killed', async () => {
    const parent = temporaryDirectory();
    const log = join(parent, 'order-service');
    const tail = spawn(process.execPath, [MAIN, 'audit', 'tail', '-f', parent, '-n', '100000'], { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(tail);
    let printed = '';
    tail.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const killed = writer(log, 1_000_000);
    await once(killed.stdout as NonNullable<typeof killed.stdout>, 'data');
    const beside = writer(log, 1000);
    await once(beside, 'exit');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await once(writer(log, 1000), 'exit');

    const written = new Map<string, string[]>();
    for await (const { log: name, n, event: each } of queryLog(parent)) written.set(name, [...(written.get(name) ?? []), `${n} ${String(each['pid'])} ${String(each['sequence'])}`]);
    const total = [...written.values()].reduce((sum, { length }) => sum + length, 0);
    while (printed.split('\n').length - 1 < total) await once(tail.stdout, 'data');
    tail.kill('SIGINT');
    expect(await once(tail, 'close')).toEqual([0, null]);
    const seen = new Map<string, string[]>();
    for (const line of printed.split('\n').slice(0, -1)) {
      const { log: name, n, pid, sequence } = JSON.parse(line) as { log: string; n: number; pid: number; sequence: number };
      seen.set(name, [...(seen.get(name) ?? []), `${n} ${pid} ${sequence}`]);
    }
    expect([...written.keys()].sort()).toEqual(['order-service', 'order-service-2']);
    expect(total).toBeGreaterThan(2000);
    for (const [name, events] of written) expect(seen.get(name)).toEqual(events);
  });

  test('ends when its reader has enough, and on SIGTERM', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append([event(0)]);
    const start = (): ChildProcessByStdio<null, Readable, null> => spawn(process.execPath, [MAIN, 'audit', 'tail', '-f', log.directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [left, ended] = [start(), start()];
    started.push(left, ended);
    await Promise.all([once(left.stdout, 'data'), once(ended.stdout, 'data')]);
    const closed = Promise.all([once(ended, 'close'), once(left, 'close')]);
    ended.kill('SIGTERM');
    left.stdout.destroy();
    // That nobody reads any more a process hears of when it writes.
    for (let sequence = 1; left.exitCode === null; sequence++) {
      await log.append([event(sequence)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await closed).toEqual([[0, null], [0, null]]);
    await log.close();
  });
});
