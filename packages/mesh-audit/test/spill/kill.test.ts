import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { AuditLaneStats } from '@lemur-bookstores/mesh-interface';
import { imbalance, temporaryFolder } from './spilling.js';

const KILLS = 24;
const SPILLER = fileURLToPath(new URL('../children/killed-spiller.mjs', import.meta.url));

/** A repeatable choice of moments. */
function* moments(seed: number): Generator<number, never> {
  for (let state = seed; ; state = (state * 1103515245 + 12345) % 2 ** 31) yield state / 2 ** 31;
}

/** Runs a process, kills it so long after it has said so many lines, and gives all that it said. */
async function run(directory: string, mood: 'down' | 'flaky' | 'healthy', killAt?: { readonly lines: number; readonly delayMs: number }): Promise<string[]> {
  const child = spawn(process.execPath, [SPILLER, directory, mood], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  if (killAt?.lines === 0) setTimeout(() => child.kill('SIGKILL'), 20 * killAt.delayMs);
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length === killAt?.lines) setTimeout(() => child.kill('SIGKILL'), killAt.delayMs);
  }
  return said;
}

const of = (letter: string, lines: readonly string[]): string[] => lines.filter((line) => line.startsWith(`${letter} `)).map((line) => line.slice(2));

test(`${KILLS} times kill -9 at random points: every event that log() acknowledged as durable is delivered by those that come after`, async () => {
  const folder = temporaryFolder();
  try {
    const random = moments(20261125);
    const lines: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      // Such short lines go through a pipe whole or not at all.
      const said = await run(folder.path, kill % 2 === 0 ? 'flaky' : 'down', {
        // Also while it starts and opens the spill.
        lines: kill % 5 === 4 ? 0 : 1 + Math.floor(random.next().value * 60),
        delayMs: random.next().value * 8,
      });
      lines.push(...said);
    }
    const last = await run(folder.path, 'healthy');
    lines.push(...last);
    const acknowledged = new Set(of('a', lines));
    const delivered = new Set(of('d', lines));
    expect(of('!', lines)).toEqual([]);
    expect([...acknowledged].filter((n) => !delivered.has(n))).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(KILLS * 5);
    const stats = JSON.parse(of('=', last)[0]!) as AuditLaneStats;
    expect(imbalance(stats)).toBe(0);
    expect(stats).toMatchObject({ dropped: 0, deadLettered: 0, queued: 0, spilled: 0 });
    expect(stats.recovered).toBeGreaterThan(0);
  } finally {
    folder.remove();
  }
}, 60_000);
