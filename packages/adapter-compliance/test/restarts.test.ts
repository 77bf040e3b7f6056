import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, systemClock } from '@lemur-bookstores/mesh-interface';
import { readSigningKeys, SigningKey, verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import { DAY, HOUR, keyEvent, retiredKey } from './support/key-events.js';
import { actionsIn, complianceAdapter, contextOf, copyOf, entriesIn, key, publicKey, temporaryDirectory } from './support/support.js';

const NOW = Date.UTC(2026, 0, 1);

describe('a ledger over restarts', () => {
  test('goes on where it ended, and says for how long it did not record', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock(NOW);
    for (const run of [1, 2, 3]) {
      const adapter = complianceAdapter(directory, { clock });
      await adapter.start(contextOf({ clock }));
      await adapter.logEvent(keyEvent(clock.now(), 'key.activated', { keyId: `key-${run}`, trigger: 'start' }));
      await adapter.close();
      await clock.advance(HOUR);
    }
    expect(await verifyAuditLog(directory, { publicKey })).toMatchObject({ status: 'authentic', logs: [{ notAuthenticated: [] }] });
    const report = await reportFromLedger(directory, { from: new Date(NOW), to: new Date(NOW + 3 * HOUR) }, { publicKey, clock });
    expect(report.gaps.map(({ kind, from, to }) => [kind, Date.parse(from) - NOW, Date.parse(to) - NOW])).toEqual([['stopped', 0, HOUR], ['stopped', HOUR, 2 * HOUR], ['stopped', 2 * HOUR, 3 * HOUR]]);
    expect(report.keys.map(({ keyId, state }) => [keyId, state])).toEqual([['key-1', 'end not seen'], ['key-2', 'end not seen'], ['key-3', 'end not seen']]);
  });

  test('that ended without closing says so, and which records nothing vouches for', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock(NOW);
    const first = complianceAdapter(directory, { clock });
    await first.logEvent(keyEvent(NOW, 'key.activated', { keyId: 'a', trigger: 'start' }));
    await first.flush();
    await first.logEvent(keyEvent(NOW + 1, 'key.activated', { keyId: 'b', trigger: 'start' }));
    // What the file has when its process is killed.
    const left = copyOf(directory);
    await clock.advance(HOUR);
    const second = complianceAdapter(left, { clock });
    await second.logEvent(keyEvent(NOW + HOUR, 'key.rotated', { keyId: 'c', previousKeyId: 'b', retired: retiredKey(NOW + 1, NOW + HOUR) }));
    const report = await second.report({ from: new Date(NOW), to: new Date(NOW + HOUR + 1) });
    expect(report.gaps).toMatchObject([{ kind: 'ended without closing', from: new Date(NOW + 1).toISOString(), to: new Date(NOW + HOUR).toISOString() }, { kind: 'not over yet' }]);
    expect(report.ledgers).toMatchObject([{ status: 'authentic', notAuthenticated: [{ why: 'recovered' }] }]);
    expect(report.keys.map(({ keyId, state }) => [keyId, state])).toEqual([['a', 'end not seen'], ['b', 'retired'], ['c', 'in use']]);
  });

  test('whose key was changed is read under the old one and the new', async () => {
    const directory = temporaryDirectory();
    const next = SigningKey.generate();
    const clock = new FakeClock(NOW);
    await complianceAdapter(directory, { clock }).logEvent(keyEvent(NOW, 'key.activated', { keyId: 'a', trigger: 'start' }));
    const left = copyOf(directory);
    const adapter = complianceAdapter(left, { clock, signWith: { key: next, previousKeys: [key] } });
    await adapter.logEvent(keyEvent(NOW, 'key.activated', { keyId: 'b', trigger: 'start' }));
    const report = await adapter.report({ from: new Date(NOW), to: new Date(NOW + DAY) });
    expect([report.ledgers[0]?.status, report.keys.map(({ keyId }) => keyId)]).toEqual(['authentic', ['a', 'b']]);
  });
});

describe('a process that is killed', () => {
  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  /** Runs until so many are acknowledged, and is killed at once. @returns the numbers that were */
  function killedAfter(count: number, directory: string, first: number): Promise<number[]> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [fileURLToPath(new URL('children/key-events.mjs', import.meta.url)), directory, join(directory, '..', 'keys'), String(first)], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const acknowledged: number[] = [];
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        acknowledged.push(Number(line));
        if (acknowledged.length === count) child.kill('SIGKILL');
      });
      child.on('close', () => resolve(acknowledged));
    });
  }

  test('twice loses nothing that it acknowledged, and the report has each key once, and the gaps', async () => {
    const directory = join(temporaryDirectory(), 'ledgers');
    const began = systemClock.now();
    const one = await killedAfter(200, directory, 1);
    const two = await killedAfter(200, directory, Math.max(...one) + 100);
    const ended = await entriesIn(directory);
    const ids = new Set(ended.map(({ id }) => id));
    expect([...one, ...two].filter((number) => !ids.has(`event-${number}`))).toEqual([]);
    expect(await actionsIn(directory)).toEqual(expect.arrayContaining(['ledger.started', 'key.rotated']));

    const { key: signer } = await readSigningKeys(join(directory, '..', 'keys'));
    const period = { from: new Date(began - 120_000), to: new Date(systemClock.now()) };
    const before = await reportFromLedger(directory, period, { publicKey: signer.publicKey.toString('base64') });
    // A third process closes in order: from then on checkpoints cover all but what was found after a kill.
    const adapter = complianceAdapter(directory, { signWith: join(directory, '..', 'keys') });
    await adapter.logEvent(keyEvent(systemClock.now(), 'key.activated', { keyId: 'last', trigger: 'start' }));
    await adapter.close();
    const after = await adapter.report(period);
    expect(after.summary.retired).toBe(before.summary.retired);
    expect(after.keys.filter(({ state }) => state === 'retired')).toHaveLength(ended.filter(({ details }) => details.action === 'key.rotated').length);
    expect(new Set(after.keys.map(({ keyId }) => keyId)).size).toBe(after.keys.length);
    expect(after.gaps.filter(({ kind }) => kind === 'ended without closing').length).toBeGreaterThanOrEqual(1);
    expect(after.ledgers).toMatchObject([{ status: 'authentic' }]);
    expect(after.ledgers[0]?.notAuthenticated.every(({ why }) => why === 'recovered')).toBe(true);
  });
});
