import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash, X509Certificate } from 'node:crypto';
import { dirname } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import type { IdentityFiles } from '@lemur-bookstores/mesh-interface';
import { TestAuthority } from './support/authority.js';
import { CountedCalls } from './support/counted-calls.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';
import { WatchedChannels } from './support/watched-channels.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const PATIENCE_MS = 25_000;
const IDS = ['orders', 'payments'] as const;
type Id = (typeof IDS)[number];

const pinOf = ({ certFile }: IdentityFiles): string =>
  createHash('sha256').update(new X509Certificate(readFileSync(certFile)).publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');

/** What an operator does to the files of two meshes that call each other, while they do. */
async function underLoad(operate: (ends: Record<Id, { made: TestMesh; files: IdentityFiles }>, authority: TestAuthority, channels: WatchedChannels) => Promise<void>) {
  const authority = new TestAuthority(bed.folder);
  const [calls, channels] = [new CountedCalls(), new WatchedChannels()];
  const ends = {} as Record<Id, { made: TestMesh; files: IdentityFiles }>;
  for (const serviceId of IDS) {
    const files = await authority.files(serviceId);
    const made = bed.mesh({ serviceId, host: '127.0.0.1', identity: files, rotation: { interval: 1_000, minIntervalMs: 0 } });
    ends[serviceId] = { made, files };
    channels.watch(made);
    calls.handleAt(made);
    await made.mesh.initialize();
  }
  let isDone = false;
  const plan = { calls: Infinity, until: () => isDone, callers: 8, burst: 1, meanwhile: { every: 200, act: () => channels.rekey() } };
  const [orders, payments] = [ends.orders.made, ends.payments.made];
  const load = Promise.all([calls.call(orders, 'payments', plan), calls.call(payments, 'orders', plan)]);
  await until('calls are under way', () => calls.made > 500);
  await operate(ends, authority, channels).finally(() => (isDone = true));
  await load;
  expect(calls.problems()).toEqual([]);
  expect(calls.counts.answered + calls.counts.cancelled).toBe(calls.made);
  for (const { audit } of [orders, payments]) {
    for (const action of ['auth.revoked', 'identity.refused', 'session.failed']) expect(audit.having(action)).toEqual([]);
  }
  return { calls, channels };
}

/** Its handshakes show the leaf in the files. */
const shows = (made: TestMesh, files: IdentityFiles) => () =>
  Buffer.from(made.mesh.crypto.identity.chain[0] as Uint8Array).equals(new X509Certificate(readFileSync(files.certFile)).raw);

test('leaves are renewed, again and again: no call fails, is lost, doubled or out of order', async () => {
  await underLoad(async (ends, authority) => {
    for (let round = 0; round < 4; round++) {
      for (const serviceId of IDS) {
        const { made, files } = ends[serviceId];
        await authority.files(serviceId, {}, dirname(files.certFile));
        await until(`${serviceId} shows its new leaf`, shows(made, files), PATIENCE_MS);
      }
    }
  });
}, 120_000);

test('a CA is rolled, both ends in turn, without a restart: no call fails, is lost, doubled or out of order', async () => {
  const { channels } = await underLoad(async (ends, before, watched) => {
    const after = new TestAuthority(bed.folder);
    const bundle = async (pem: string, length: number): Promise<void> => {
      for (const serviceId of IDS) {
        const { made, files } = ends[serviceId];
        writeFileSync(files.caFile, pem);
        await until(`${serviceId} has another bundle`, () => made.mesh.crypto.identity.trustBundle.length === length, PATIENCE_MS);
      }
    };
    await bundle(`${before.certPem}${after.certPem}`, 2);
    for (const serviceId of IDS) {
      const { made, files } = ends[serviceId];
      const issued = await after.files(serviceId);
      copyFileSync(issued.keyFile, files.keyFile);
      copyFileSync(issued.certFile, files.certFile);
      await until(`${serviceId} shows a leaf of the new CA`, shows(made, files), PATIENCE_MS);
    }
    await bundle(after.certPem, 1);
    const pins = IDS.map((id) => pinOf(ends[id].files)).sort();
    // Both ends of every session that stands: the last one that each of them dialled.
    const newest = () => IDS.map((id) => watched.sessions.filter(({ dialler }) => dialler.peer.serviceId === id).at(-1)!.dialler.peer.publicKey).sort();
    await until('every session has leaves of the new CA', () => newest().join() === pins.join(), PATIENCE_MS);
  });
  expect(channels.sessions.length).toBeGreaterThanOrEqual(4);
  expect(channels.rotations).toBeGreaterThan(10);
}, 180_000);
