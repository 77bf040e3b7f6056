import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { event, key, openLog, temporaryDirectory } from './support/logs.js';

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
