import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterAll(() => bed.remove());

/** `npm run soak` repeats more often. */
const SOAK = Number(process.env['MESH_SOAK'] ?? 1);
const KILLS = 100 * SOAK;
/** Trails that are written, each by one process after the other, at the same time. */
const TRAILS = 2;
const WRITER = fileURLToPath(new URL('children/audited-writer.mjs', import.meta.url));

interface Said {
  readonly own?: number;
  readonly note?: string;
  readonly publicKey?: string;
  readonly error?: string;
}

/** A repeatable choice of moments: a failure can be looked at again. */
function* moments(seed: number): Generator<number, never> {
  for (let state = seed; ; state = (state * 1103515245 + 12345) % 2 ** 31) yield state / 2 ** 31;
}

/** Runs a writer until it has said so many lines (0: for a moment, in which it starts and opens its log), then kills it. What it still said counts. */
async function runAndKill(directory: string, keysDir: string, lines: number, delayMs: number): Promise<{ pid: number; said: Said[] }> {
  const writer = spawn(process.execPath, [WRITER, directory, keysDir], { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const said: Said[] = [];
  let killing = lines === 0;
  if (killing) setTimeout(() => writer.kill('SIGKILL'), 40 * delayMs);
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

/** Kills one writer after the other of one trail, and checks it all along. */
async function killWriters(trail: number): Promise<number> {
  const [directory, keysDir] = [join(bed.paths.logsDir, String(trail)), join(bed.paths.keysDir, String(trail))];
  const acknowledged = new Set<string>();
  const checkpoint: string[] = [];
  const publicKeys = new Set<string>();
  const random = moments(20261123 + trail);
  for (let kill = 0; kill < KILLS / TRAILS; kill++) {
    const lines = kill % 5 === 4 ? 0 : 1 + Math.floor(random.next().value * 30);
    const { pid, said } = await runAndKill(directory, keysDir, lines, random.next().value * 4);
    for (const { own, note, publicKey, error } of said) {
      expect(error).toBeUndefined();
      if (note !== undefined) checkpoint.push(note);
      if (publicKey !== undefined) publicKeys.add(publicKey);
      if (own !== undefined) acknowledged.add(`${pid} ${own}`);
    }
    if (kill % 10 !== 9) continue;
    // The log is under one name and one key from the first process to the last.
    expect(publicKeys.size).toBe(1);
    const { status, logs } = await verifyAuditLog(directory, { publicKey: [...publicKeys], checkpoint });
    expect([kill, status, logs.length, logs[0]?.problem]).toEqual([kill, 'authentic', 1, undefined]);
    const found = new Map<string, number>();
    for await (const { details } of new FileAdapter(directory).query()) {
      const event = `${String(details.metadata?.['writer'])} ${String(details.metadata?.['own'])}`;
      found.set(event, (found.get(event) ?? 0) + 1);
    }
    expect([...acknowledged].filter((event) => !found.has(event))).toEqual([]);
    expect([...found].filter(([, times]) => times > 1)).toEqual([]);
  }
  return acknowledged.size;
}

test(`${KILLS} times kill -9 at random points of a process that audits into files: no acknowledged event is lost, and the trail verifies`, async () => {
  const acknowledged = await Promise.all(Array.from({ length: TRAILS }, (_, trail) => killWriters(trail)));
  for (const events of acknowledged) expect(events).toBeGreaterThan((KILLS / TRAILS) * 5);
}, 120_000 * SOAK);
