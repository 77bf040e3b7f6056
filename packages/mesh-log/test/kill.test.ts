import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { queryLog } from '../src/query.js';
import { openSigningKeys } from '../src/signing-key-files.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { temporaryDirectory } from './support/logs.js';

/** `npm run soak` repeats more often. */
const SOAK = Number(process.env['MESH_SOAK'] ?? 1);
const KILLS = 100 * SOAK;
const WRITER = fileURLToPath(new URL('support/killed-writer.mjs', import.meta.url));

interface Said {
  readonly opened?: string;
  readonly note?: string;
  readonly first?: number;
  readonly sequences?: number[];
  readonly error?: string;
}

/** A repeatable choice of moments: a failure can be looked at again. */
function* moments(seed: number): Generator<number, never> {
  for (let state = seed; ; state = (state * 1103515245 + 12345) % 2 ** 31) yield state / 2 ** 31;
}

/** Runs a writer until it has said so many lines (0: for a moment, in which it starts and opens the log), kills it, and reads what else it said. */
async function runAndKill(directory: string, keysDir: string, lines: number, delayMs: number): Promise<{ pid: number; said: Said[] }> {
  const writer = spawn(process.execPath, [WRITER, directory, keysDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: Said[] = [];
  let killing = lines === 0;
  if (killing) setTimeout(() => writer.kill('SIGKILL'), 20 * delayMs);
  for await (const line of createInterface({ input: writer.stdout })) {
    // The last line may have been cut by the kill: then nothing was said.
    if (!line.endsWith('}')) continue;
    said.push(JSON.parse(line) as Said);
    if (said.length < lines || killing) continue;
    killing = true;
    setTimeout(() => writer.kill('SIGKILL'), delayMs);
  }
  return { pid: writer.pid as number, said };
}

test(`${KILLS} times kill -9 at random points: nothing acknowledged is lost, and the log verifies against every checkpoint it gave`, async () => {
  const root = temporaryDirectory();
  const [directory, keysDir] = [join(root, 'log'), join(root, 'keys')];
  const { key } = await openSigningKeys(keysDir);
  const acknowledged = new Map<number, string>();
  const checkpoint: string[] = [];
  const random = moments(20261123);
  for (let kill = 0; kill < KILLS; kill++) {
    const lines = kill % 4 === 0 ? 0 : 1 + Math.floor(random.next().value * 40);
    const { pid, said } = await runAndKill(directory, keysDir, lines, random.next().value * 4);
    for (const { opened, error, note, first, sequences = [] } of said) {
      expect([opened ?? directory, error]).toEqual([directory, undefined]);
      if (note !== undefined) checkpoint.push(note);
      sequences.forEach((sequence, index) => acknowledged.set((first as number) + index, `${pid} ${sequence}`));
    }
    if (kill % 10 !== 9) continue;
    const { status, logs } = await verifyAuditLog(directory, { publicKey: key.verifierKey('example.org/killed'), checkpoint });
    expect([kill, status, logs[0]?.problem]).toEqual([kill, 'authentic', undefined]);
  }
  const found = new Map<number, string>();
  for await (const { n, event } of queryLog(directory)) found.set(n, `${String(event['pid'])} ${String(event['sequence'])}`);
  const lost = [...acknowledged].filter(([index, event]) => found.get(index) !== event);
  expect(lost).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(KILLS * 10);
}, 60_000 * SOAK);
