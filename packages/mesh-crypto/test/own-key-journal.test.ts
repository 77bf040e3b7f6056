import { X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type KeyRotationMetadata, type Logger } from '@lemur-bookstores/mesh-interface';
import { CryptoManager } from '../src/crypto-manager.js';
import { KeyRotation } from '../src/key-rotation.js';
import { OwnKeyJournal } from '../src/own-key-journal.js';
import { FakeOwner } from './support/fake-owner.js';
import { FakeTrail } from './support/fake-trail.js';
import { createAuthority } from './support/openssl-certificates.js';
import { ScriptedSource } from './support/scripted-source.js';

const HOUR = 3_600_000;
const authority = createAuthority('example.org');
afterAll(() => authority.remove());
const [first, renewed] = [authority.issue('order').material, authority.issue('order', 'p256').material];
const lifeOf = (der: Uint8Array = Buffer.alloc(0)): { from: number; to: number } => {
  const { validFrom, validTo } = new X509Certificate(der);
  return { from: Date.parse(validFrom), to: Date.parse(validTo) };
};
const { from, to } = lifeOf(first.chain[0]);
const life = to - from;

let clock: FakeClock;
let source: ScriptedSource;
let crypto: CryptoManager;
let trail: FakeTrail;
let warnings: string[];

beforeEach(async () => {
  [clock, source, trail, warnings] = [new FakeClock(from + 1_000), new ScriptedSource(first), new FakeTrail(), []];
  const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) };
  crypto = new CryptoManager({ serviceId: 'order', identity: source, clock, logger });
  await crypto.load();
});
afterEach(() => crypto.close());

const journal = (staticKeyIntervalMs?: number): OwnKeyJournal => new OwnKeyJournal({ crypto, audit: trail, staticKeyIntervalMs });
const told = (): [string, KeyRotationMetadata][] => trail.events.map(({ details }) => [details.action, details.metadata as unknown as KeyRotationMetadata]);

test('from its start to its end the trail has both keys', async () => {
  const keys = journal(24 * HOUR);
  expect(keys.staticKeyState()).toBeUndefined();
  keys.start();
  keys.start();
  const staticPolicy = { intervalMs: 24 * HOUR, source: 'default' };
  const certificate = { keyType: 'certificate', algorithm: 'Ed25519', keyId: expect.stringMatching(/^[0-9a-f]{32}$/), trigger: 'start', createdAt: new Date(from).toISOString(), policy: { rejectAfterMs: life, source: 'certificate' } };
  expect(told()).toEqual([
    ['key.activated', { keyType: 'static', algorithm: 'X25519', keyId: crypto.staticKeyId, trigger: 'start', policy: staticPolicy }],
    ['key.activated', certificate],
  ]);
  const activatedAt = new Date(clock.now()).toISOString();
  const { keyId } = crypto.rotations.present;
  await clock.advance(5_000);
  keys.stop();
  crypto.close();
  keys.stop();
  expect(told().slice(2)).toEqual([
    ['key.retired', { keyType: 'static', algorithm: 'X25519', keyId, trigger: 'start', policy: staticPolicy, retired: { activatedAt, ageMs: 5_000, records: 0, bytes: 0, destroyed: true } }],
    ['key.retired', { ...certificate, retired: { activatedAt, ageMs: 5_000, records: 0, bytes: 0, destroyed: false } }],
  ]);
  expect(clock.pendingTimers).toBe(0);
});

test('a certificate that takes the place of another is a rotation; another bundle with the same one is none', async () => {
  journal().start();
  const before = trail.last.keyId;
  await clock.advance(7_000);
  source.change({ ...first, trustBundle: [...first.trustBundle, ...first.trustBundle] });
  await clock.advance(0);
  expect(told()).toHaveLength(2);
  source.change(renewed);
  await clock.advance(0);
  expect(told().slice(2)).toEqual([
    ['key.rotated', expect.objectContaining({ keyType: 'certificate', algorithm: 'ECDSA-P-256', previousKeyId: before, trigger: 'certificate', retired: expect.objectContaining({ ageMs: 7_000, destroyed: false }) })],
  ]);
  expect(trail.last.keyId).not.toBe(before);
});

test('a static key that was rotated is retired by the name it has by then', async () => {
  const keys = journal();
  keys.start();
  const { keyId } = await new KeyRotation('order', crypto, { rotationInterval: HOUR, autoRotate: false }, trail).rotate();
  await clock.advance(3_000);
  keys.stop();
  expect(told().filter(([action, { keyType }]) => action === 'key.retired' && keyType === 'static').map(([, metadata]) => [metadata.keyId, metadata.retired?.ageMs])).toEqual([[keyId, 3_000]]);
});

test('a compromise that still waits for its sessions at the end is told of there, once: no key ends that did not begin', async () => {
  const keys = journal();
  keys.start();
  const owner = new FakeOwner();
  owner.holds = 'renewSessions';
  crypto.ownSessions(owner);
  const before = crypto.staticKeyId;
  const rotating = new KeyRotation('order', crypto, { rotationInterval: HOUR, autoRotate: false }, trail).rotate({ reason: 'compromise' });
  await clock.advance(2_000);
  const next = crypto.staticKeyId;
  keys.stop();
  crypto.close();
  owner.release();
  expect(await rotating).toMatchObject({ keyId: next, previousKeyId: before, trigger: 'compromise' });
  expect(told().flatMap(([action, { keyType, keyId, previousKeyId, trigger }]) => (keyType === 'static' ? [[action, previousKeyId, keyId, trigger]] : []))).toEqual([
    ['key.activated', undefined, before, 'start'],
    ['key.rotated', before, next, 'compromise'],
    ['key.retired', undefined, next, 'start'],
  ]);
});

test('a certificate with 20 % of its life left is overdue, once, also where the wall clock jumped there', async () => {
  journal().start();
  clock.jump(0.79 * life);
  await clock.advance(60_000);
  expect(told()).toHaveLength(2);
  clock.jump(0.02 * life);
  await clock.advance(60_000);
  await clock.advance(600_000);
  expect(told().slice(2)).toEqual([['key.overdue', expect.objectContaining({ keyType: 'certificate', keyId: told()[1]?.[1].keyId, trigger: 'certificate', overdueMs: expect.any(Number) })]]);
  expect(trail.events.at(-1)?.details).toMatchObject({ success: false, error: expect.stringMatching(/^key_overdue: the own certificate ends at /) });
  // What comes then is as good or bad by itself.
  source.change(renewed);
  await clock.advance(0);
  expect(told().slice(3).map(([action]) => action)).toEqual(['key.rotated', 'key.overdue']);
});

test('one that is overdue at the start is told of at once', () => {
  clock.jump(0.9 * life);
  journal().start();
  expect(told().map(([action]) => action)).toEqual(['key.activated', 'key.activated', 'key.overdue']);
});

test('a static key of more than 1.5 intervals is overdue, once; not where nobody rotates it', async () => {
  const keys = journal(HOUR);
  keys.start();
  await clock.advance(1.5 * HOUR);
  expect(keys.staticKeyState()).toEqual({ keyId: crypto.staticKeyId, ageMs: 1.5 * HOUR, intervalMs: HOUR, overdue: false });
  await clock.advance(HOUR);
  expect(keys.staticKeyState()).toMatchObject({ overdue: true });
  expect(told().slice(2)).toEqual([['key.overdue', expect.objectContaining({ keyType: 'static', keyId: crypto.staticKeyId, trigger: 'interval', overdueMs: 0.5 * HOUR + 60_000 })]]);
  expect(warnings).toEqual([expect.stringMatching(/^key_overdue: the static key is \d+ ms old/)]);
  keys.stop();

  const lax = journal();
  lax.start();
  await clock.advance(10 * HOUR);
  expect(lax.staticKeyState()).toEqual({ keyId: crypto.staticKeyId, ageMs: expect.any(Number), overdue: false });
  expect(told().filter(([action]) => action === 'key.overdue')).toHaveLength(1);
});

test('a manager that somebody else has closed is no reason to fail', async () => {
  const keys = journal(HOUR);
  keys.start();
  const { keyId } = crypto.rotations.present;
  crypto.close();
  await clock.advance(120_000);
  expect(keys.staticKeyState()).toMatchObject({ keyId });
  keys.stop();
  expect(told().map(([action]) => action)).toEqual(['key.activated', 'key.activated', 'key.retired', 'key.retired']);
});
