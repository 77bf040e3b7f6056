import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { countInMemory } from './support/memory-scan.js';
import { createAuthority } from './support/openssl-certificates.js';

const onLinux = existsSync('/proc/self/mem') ? test : test.skip;
const authority = createAuthority('example.org');
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => authority.remove());

const SESSIONS = 4;
/** By either end of each session, one after the other. */
const REKEYS_A_ROUND = 2;
/** At each end: the extracted key, rk, kIR, kRI. */
const BLOCKS_A_REKEY = 8;

/** What the child has had, masked. */
interface Told {
  readonly first: readonly string[];
  readonly privateKeys: readonly string[];
  readonly shared: readonly string[];
  readonly blocks: readonly string[];
  readonly epochs: readonly (readonly [number, number])[];
}

async function ask(child: ChildProcess, task?: 'rekey' | 'begin' | 'finish' | 'close'): Promise<Told> {
  if (task !== undefined) child.send(task);
  const [told] = (await once(child, 'message')) as [Told];
  return told;
}

const bytesOf = (secrets: readonly string[]): Uint8Array[] => secrets.map((hex) => Buffer.from(hex, 'hex'));
const zeros = (secrets: readonly unknown[]): number[] => secrets.map(() => 0);

/** Of each session the blocks of its last rekey without the extracted keys, and all that came before. */
function split({ blocks }: Told): { present: string[]; retired: string[] } {
  const sorted = { present: [] as string[], retired: [] as string[] };
  const firstOfLastRound = blocks.length / BLOCKS_A_REKEY - SESSIONS * REKEYS_A_ROUND;
  blocks.forEach((block, index) => {
    const rekey = Math.floor(index / BLOCKS_A_REKEY);
    const isLast = rekey >= firstOfLastRound && rekey % REKEYS_A_ROUND === REKEYS_A_ROUND - 1;
    (isLast && index % (BLOCKS_A_REKEY / 2) !== 0 ? sorted.present : sorted.retired).push(block);
  });
  return sorted;
}

onLinux.each(['aesgcm', 'chachapoly'] as const)(
  '%s: in the memory of another process that has rekeyed its sessions is no record key, no rk, no private key and no shared secret but those in use (PROTOCOL 4)',
  async (suite) => {
    const identities = ['order', 'payment'].map((serviceId) => [serviceId, authority.issue(serviceId).files]);
    const child = fork(fileURLToPath(new URL('children/rekeyed-sessions.mjs', import.meta.url)), [suite, JSON.stringify(identities)], { execArgv: ['--expose-gc'] });
    children.push(child);
    const count = (secrets: readonly string[]): number[] => countInMemory(bytesOf(secrets), child.pid as number);

    const before = await ask(child);
    expect(before.first).toHaveLength(3 * SESSIONS);
    // The scan finds what is in use: at the dialler and at the acceptor.
    for (const found of count(before.first)) expect(found).toBeGreaterThanOrEqual(2);

    for (let round = 1; round <= 3; round++) {
      const told = await ask(child, 'rekey');
      expect(told.epochs).toEqual(Array.from({ length: SESSIONS }, () => [REKEYS_A_ROUND * round, REKEYS_A_ROUND * round]));
      const rekeys = SESSIONS * REKEYS_A_ROUND * round;
      expect([told.privateKeys.length, told.shared.length, told.blocks.length]).toEqual([2 * rekeys, 2 * rekeys, BLOCKS_A_REKEY * rekeys]);
      const { present, retired } = split(told);
      expect(present).toHaveLength(6 * SESSIONS);
      const gone = [...told.first, ...told.privateKeys, ...told.shared, ...retired];
      const counts = count([...present, ...gone]);
      for (const found of counts.slice(0, present.length)) expect(found).toBeGreaterThanOrEqual(2);
      expect(counts.slice(present.length)).toEqual(zeros(gone));
    }

    // A private key shows as well while its rekey is open.
    const begun = await ask(child, 'begin');
    for (const found of count(begun.privateKeys.slice(-1))) expect(found).toBeGreaterThanOrEqual(1);
    const finished = await ask(child, 'finish');
    expect(finished.privateKeys).toHaveLength(begun.privateKeys.length + 1);
    expect(count(finished.privateKeys)).toEqual(zeros(finished.privateKeys));

    const { first, privateKeys, shared, blocks } = await ask(child, 'close');
    const gone = [...first, ...privateKeys, ...shared, ...blocks];
    expect(count(gone)).toEqual(zeros(gone));
  },
);
