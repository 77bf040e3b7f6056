import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { queryLog } from '../src/query.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { event, openLog, publicKey, temporaryDirectory } from './support/logs.js';

/** A closed log, the first of whose segments something else takes the place of. */
async function logWith(place: (path: string) => void): Promise<string> {
  const directory = join(temporaryDirectory(), 'log');
  const log = await openLog(directory);
  await log.append([event(0)]);
  await log.rotate();
  await log.close();
  const path = join(directory, 'audit-00000001.jsonl');
  renameSync(path, join(directory, 'elsewhere'));
  place(path);
  return directory;
}

describe.each<[string, (path: string) => void]>([
  ['a FIFO, whose opening would wait for ever', (path) => execFileSync('mkfifo', [path])],
  ['a link to the very segment', (path) => symlinkSync('elsewhere', path)],
  ['a folder', (path) => mkdirSync(path)],
])('%s in the place of a segment', (_what, place) => {
  test('is tampering to the verifier', async () => {
    const { status, logs } = await verifyAuditLog(await logWith(place), { publicKey });
    expect([status, logs[0]?.problem?.text]).toEqual(['tampered', expect.stringContaining('no regular file')]);
  });

  test('is nothing that a query reads', async () => {
    const directory = await logWith(place);
    await expect(queryLog(directory).next()).rejects.toThrow(/^log_tampered/);
  });

  test('is not opened for writing', async () => {
    const directory = await logWith(place);
    rmSync(join(directory, 'audit-00000002.jsonl'));
    await expect(openLog(directory)).rejects.toThrow(/^log_tampered/);
  });
});
