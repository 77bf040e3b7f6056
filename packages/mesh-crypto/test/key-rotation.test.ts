import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger, type ChannelHandshake, type HandshakeStep, type Logger } from '@lemur-bookstores/mesh-interface';
import { CryptoManager } from '../src/crypto-manager.js';
import { KeyRotation } from '../src/key-rotation.js';
import type { KeyRotationOptions, RotationReason } from '../src/key-rotation-options.js';
import { FakeOwner } from './support/fake-owner.js';
import { FakeTrail } from './support/fake-trail.js';
import { createAuthority } from './support/openssl-certificates.js';
import { channelOf, replyOf } from './support/parties.js';
import { ScriptedSource } from './support/scripted-source.js';
import { thrown } from './support/vectors.js';

const HOUR = 3_600_000;
const authority = createAuthority('example.org');
afterAll(() => authority.remove());
const [order, payment] = [authority.issue('order').material, authority.issue('payment').material];

let clock: FakeClock;
let lines: string[];
let crypto: CryptoManager;
let peer: CryptoManager;
let owner: FakeOwner;
let trail: FakeTrail;

beforeEach(async () => {
  clock = new FakeClock(Date.now());
  lines = [];
  const add = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const logger: Logger = { ...silentLogger, warn: add('warn'), error: add('error') };
  crypto = new CryptoManager({ serviceId: 'order', identity: new ScriptedSource(order), clock, logger });
  peer = new CryptoManager({ serviceId: 'payment', identity: new ScriptedSource(payment), clock, logger: silentLogger });
  [owner, trail] = [new FakeOwner(), new FakeTrail()];
  crypto.ownSessions(owner);
  await Promise.all([crypto.load(), peer.load()]);
});
afterEach(() => {
  crypto.close();
  peer.close();
});

const rotation = (options: Partial<KeyRotationOptions> = {}, sink: FakeTrail | undefined = trail): KeyRotation =>
  new KeyRotation('order', crypto, { rotationInterval: HOUR, autoRotate: false, ...options }, sink);

/** A handshake whose first two messages have passed, and what is needed to end it. */
function underWay(dialler: CryptoManager, acceptor: CryptoManager): { readonly ends: readonly [ChannelHandshake, ChannelHandshake]; finish(): HandshakeStep } {
  const dialled = dialler.dial({ serviceId: acceptor.serviceId });
  const accepted = acceptor.accept();
  const second = replyOf(accepted.receive(dialled.start() ?? Buffer.alloc(0)));
  return { ends: [dialled, accepted], finish: () => accepted.receive(replyOf(dialled.receive(second))) };
}

describe('options', () => {
  test.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '3600000', undefined, null])('rotationInterval %j is refused', (rotationInterval) => {
    const error = thrown(() => rotation({ rotationInterval } as unknown as KeyRotationOptions));
    expect(error).toMatchObject({ reason: 'invalid_option', details: { problems: ['rotationInterval: must be a whole number of 1 or more, in ms'] } });
  });

  test('every problem at once, by its path', () => {
    const options = { rotationInterval: 0, autoRotate: 'yes', onRotation: 7, policySource: 'law', autorotate: true } as unknown as KeyRotationOptions;
    const error = thrown(() => new KeyRotation('no/id', {} as CryptoManager, options, {} as FakeTrail)) as MeshError;
    const { problems } = error.details as { readonly problems: readonly string[] };
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(['serviceId', 'cryptoManager', 'auditLogger', 'autorotate', 'rotationInterval', 'autoRotate', 'onRotation', 'policySource']);
    expect(thrown(() => new KeyRotation('order', crypto, undefined as unknown as KeyRotationOptions))).toMatchObject({ reason: 'invalid_option' });
  });

  test('a reason that is none is refused, and nothing happens', async () => {
    const before = crypto.staticKeyId;
    await expect(rotation().rotate({ reason: 'boredom' as RotationReason })).rejects.toMatchObject({ reason: 'invalid_option', message: expect.stringContaining('manual, certificate, compromise') });
    expect([crypto.staticKeyId, trail.events]).toEqual([before, []]);
  });

  test.each([
    ['options', 'compromise'],
    ['options', null],
    ['0', ['compromise']],
    ['cause', { cause: 'compromise' }],
    ['reason', { reason: null }],
  ])('what may be meant as a compromise and says something else is refused by the path %s: %j', async (path, options) => {
    const before = crypto.staticKeyId;
    const problems = [expect.stringMatching(`^${path}: `)];
    await expect(rotation().rotate(options as unknown as { reason: RotationReason })).rejects.toMatchObject({ reason: 'invalid_option', details: { problems } });
    expect([crypto.staticKeyId, trail.events]).toEqual([before, []]);
  });
});

describe('rotate()', () => {
  test('sessions rekey, then the trail has it, then new handshakes use the new key, then sessions are replaced', async () => {
    const before = crypto.staticKeyId;
    const seen: string[] = [];
    owner.onAsked = (way) => seen.push(`${way}: ${crypto.staticKeyId === before ? 'old' : 'new'} key, ${trail.events.length} events`);
    const result = await rotation().rotate();
    expect(seen).toEqual(['rekeySessions: old key, 0 events', 'renewSessions: new key, 1 events']);
    expect(owner.asked.map(({ trigger, withinMs }) => [trigger, withinMs])).toEqual([['manual', 10_000], ['manual', 10_000]]);
    expect(result).toEqual({
      keyId: crypto.staticKeyId,
      previousKeyId: before,
      trigger: 'manual',
      rotatedAt: new Date(clock.now()).toISOString(),
      durationMs: 0,
      sessionsRekeyed: 3,
      sessionsEnded: 0,
      sessionsLeft: 0,
    });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(trail.events).toEqual([{
      eventType: 'key_rotation',
      details: {
        action: 'key.rotated',
        success: true,
        metadata: {
          keyType: 'static', algorithm: 'X25519', keyId: result.keyId, previousKeyId: before, trigger: 'manual', sessionsRekeyed: 3,
          retired: { activatedAt: expect.any(String), ageMs: 0, records: 0, bytes: 0, destroyed: true }, policy: { source: 'option' },
        },
      },
    }]);
  });

  test('resolves once the new key is used, and does not wait until sessions are replaced', async () => {
    owner.holds = 'renewSessions';
    const { keyId } = await rotation().rotate();
    expect(crypto.staticKeyId).toBe(keyId);
    owner.release();
  });

  test('a handshake under way ends with the old key; one that began later has the new one', async () => {
    const old = underWay(crypto, peer);
    await rotation().rotate();
    expect(channelOf(old.finish()).peer.serviceId).toBe('order');
    expect(channelOf(underWay(crypto, peer).finish()).peer.serviceId).toBe('order');
  });

  test.each(['dialler', 'acceptor'] as const)('an own key is no peer, also where the %s still has the one before', async (old) => {
    const [dialled, accepted] = [crypto.dial({ serviceId: 'order' }), crypto.accept()];
    await rotation().rotate();
    const initiator = old === 'dialler' ? dialled : crypto.dial({ serviceId: 'order' });
    const responder = old === 'dialler' ? crypto.accept() : accepted;
    const second = replyOf(responder.receive(initiator.start() ?? Buffer.alloc(0)));
    expect(thrown(() => initiator.receive(second))).toMatchObject({ reason: 'reflected_handshake' });
  });

  test('the old key opens no handshake 10 s later', async () => {
    const old = underWay(crypto, peer);
    await rotation().rotate();
    await clock.advance(10_000);
    expect(thrown(() => old.finish())).toMatchObject({ reason: 'handshake_invalid' });
  });

  test('without a trail, and before load(): it loads', async () => {
    const lazy = new CryptoManager({ serviceId: 'order', identity: new ScriptedSource(order), clock, logger: silentLogger });
    const { keyId, previousKeyId } = await new KeyRotation('order', lazy, { rotationInterval: HOUR, autoRotate: false }).rotate();
    expect([lazy.staticKeyId, previousKeyId === keyId]).toEqual([keyId, false]);
    lazy.close();
  });

  test('asked again meanwhile it gives the same rotation; asked after it, another one', async () => {
    const keys = rotation();
    const [one, same] = await Promise.all([keys.rotate(), keys.rotate({ reason: 'certificate' })]);
    expect(same).toBe(one);
    expect((await keys.rotate({ reason: 'certificate' })).previousKeyId).toBe(one.keyId);
    expect(trail.actions).toEqual(['key.rotated', 'key.rotated']);
  });

  test('two KeyRotations of one manager take turns', async () => {
    const [one, other] = [rotation(), rotation()];
    owner.holds = 'rekeySessions';
    const [first, second] = [one.rotate(), other.rotate()];
    await clock.advance(0);
    expect(owner.asked).toHaveLength(1);
    owner.release();
    expect((await second).previousKeyId).toBe((await first).keyId);
    expect(owner.asked.filter(({ way }) => way === 'rekeySessions')).toHaveLength(2);
  });

  test('sessions of several owners are counted together', async () => {
    crypto.ownSessions(new FakeOwner());
    expect((await rotation().rotate()).sessionsRekeyed).toBe(6);
  });

  test('onRotation hears of it; what it throws or rejects with is logged and disturbs nobody', async () => {
    const heard: unknown[] = [];
    const result = await rotation({ onRotation: (what) => heard.push(what) }).rotate();
    expect(heard).toEqual([result]);
    await rotation({ onRotation: () => { throw new Error('no'); } }).rotate();
    await rotation({ onRotation: () => Promise.reject(new Error('no')) }).rotate();
    await clock.advance(0);
    expect(lines).toEqual(['error onRotation failed', 'error onRotation failed']);
  });

  test('a failure is an event, then a rejection', async () => {
    crypto.close();
    await expect(rotation().rotate()).rejects.toMatchObject({ reason: 'mesh_closed' });
    expect(trail.events).toMatchObject([{ details: { action: 'key.rotation_failed', success: false, error: expect.stringMatching(/^mesh_closed: /), metadata: { keyType: 'static', trigger: 'manual' } } }]);
  });

  test('closed in the middle: it rejects, and the pair that was made is gone', async () => {
    owner.holds = 'rekeySessions';
    const rotating = rotation().rotate();
    await clock.advance(0);
    crypto.close();
    owner.release();
    await expect(rotating).rejects.toMatchObject({ reason: 'mesh_closed' });
    expect(trail.actions).toEqual(['key.rotation_failed']);
  });
});

describe('fail-closed: no record, no rotation', () => {
  const noDisk = new MeshError('adapter_failed', 'no space left on device');
  beforeEach(() => {
    trail = new FakeTrail('fail-closed');
  });

  test('the new key is used only once the trail has it', async () => {
    const before = crypto.staticKeyId;
    let take = (): void => undefined;
    trail.taking = () => new Promise((resolve) => (take = resolve));
    const rotating = rotation().rotate();
    await clock.advance(9_000);
    expect(crypto.staticKeyId).toBe(before);
    take();
    expect((await rotating).keyId).toBe(crypto.staticKeyId);
    expect(trail.actions).toEqual(['key.rotated']);
  });

  test.each([
    ['refuses', () => Promise.reject(noDisk), /no space left/],
    ['hangs for 10 s', () => new Promise<void>(() => undefined), /within 10000 ms/],
  ] as const)('a trail that %s: rejected, the old key stays, sessions are not replaced', async (_name, taking, why) => {
    const before = crypto.staticKeyId;
    trail.taking = taking;
    const rotating = expect(rotation().rotate()).rejects.toMatchObject({ reason: 'audit_unavailable', message: expect.stringMatching(why) });
    await clock.advance(10_000);
    await rotating;
    expect([crypto.staticKeyId, trail.actions, trail.last.keyId]).toEqual([before, ['key.rotation_failed'], before]);
    expect(owner.asked.map(({ way }) => way)).toEqual(['rekeySessions']);
    expect(channelOf(underWay(crypto, peer).finish()).peer.serviceId).toBe('order');
  });
});

describe('because of a compromise', () => {
  const compromise = { reason: 'compromise' } as const;

  test('the old key is destroyed at once, sessions are replaced and waited for, then the trail has it', async () => {
    const before = crypto.staticKeyId;
    owner.holds = 'renewSessions';
    owner.answer = { rotated: 2, ended: 1, left: 0 };
    const seen: string[] = [];
    owner.onAsked = (way) => seen.push(`${way}: ${crypto.staticKeyId === before ? 'old' : 'new'} key`);
    const rotating = rotation().rotate(compromise);
    await clock.advance(9_999);
    expect([seen, trail.events]).toEqual([['renewSessions: new key'], []]);
    owner.release();
    expect(await rotating).toMatchObject({ trigger: 'compromise', previousKeyId: before, sessionsRekeyed: 2, sessionsEnded: 1, sessionsLeft: 0, durationMs: 9_999 });
    expect(trail.last).toMatchObject({ previousKeyId: before, keyId: crypto.staticKeyId, trigger: 'compromise', sessionsRekeyed: 2, retired: { destroyed: true } });
  });

  test('handshakes under way fail on both sides, and are no sign of a bad peer; the next one works', async () => {
    const [dialled, accepted] = [underWay(crypto, peer), underWay(peer, crypto)];
    await rotation().rotate(compromise);
    for (const { finish } of [dialled, accepted]) expect(thrown(finish)).toMatchObject({ reason: 'session_closed', code: 'UNAVAILABLE' });
    expect(channelOf(underWay(crypto, peer).finish()).peer.serviceId).toBe('order');
    expect(channelOf(underWay(peer, crypto).finish()).peer.serviceId).toBe('payment');
  });

  test('a handshake that still had the key before that fails, too', async () => {
    const old = underWay(crypto, peer);
    await rotation().rotate();
    await rotation().rotate(compromise);
    expect(thrown(() => old.finish())).toMatchObject({ reason: 'session_closed' });
  });

  test.each([
    ['before its event', 'rekeySessions'],
    ['while its event waits for the trail', undefined],
  ] as const)('it waits for no other rotation: one under way, %s, gives way, and the trail has an unbroken chain', async (_when, holds) => {
    trail = new FakeTrail('fail-closed');
    const before = crypto.staticKeyId;
    owner.holds = holds;
    let take = (): void => undefined;
    if (holds === undefined) trail.taking = () => new Promise((resolve) => (take = resolve));
    const keys = rotation();
    const ordinary = keys.rotate();
    await clock.advance(0);
    const urgent = keys.rotate(compromise);
    await clock.advance(0);
    const newest = crypto.staticKeyId;
    expect(newest).not.toBe(before);
    trail.taking = () => Promise.resolve();
    take();
    owner.release();
    expect([(await ordinary).keyId, (await urgent).keyId, crypto.staticKeyId]).toEqual([newest, newest, newest]);
    const chain = trail.events.map(({ details }) => details.metadata as { keyId: string; previousKeyId: string });
    expect(chain.map(({ previousKeyId }) => previousKeyId)).toEqual([before, ...chain.slice(0, -1).map(({ keyId }) => keyId)]);
    expect([chain.length, chain.at(-1)?.keyId]).toEqual([holds === undefined ? 2 : 1, newest]);
    expect(owner.asked.filter(({ way }) => way === 'renewSessions').map(({ trigger }) => trigger)).toEqual(['compromise']);
  });

  test('a trail that refuses it cannot keep the old key: rejected, but the key is new', async () => {
    trail = new FakeTrail('fail-closed');
    trail.taking = () => Promise.reject(new Error('no disk'));
    const before = crypto.staticKeyId;
    await expect(rotation().rotate(compromise)).rejects.toMatchObject({ reason: 'audit_unavailable' });
    expect(crypto.staticKeyId).not.toBe(before);
  });
});

describe('by time', () => {
  test('rotates by itself from start() to stop(), each time before the interval is over', async () => {
    const keys = rotation({ autoRotate: true });
    keys.start();
    keys.start();
    await clock.advance(3 * HOUR);
    expect(trail.events.length).toBeGreaterThanOrEqual(3);
    expect(trail.events.length).toBeLessThanOrEqual(Math.floor(3 / 0.85));
    expect(trail.last).toMatchObject({ trigger: 'interval', policy: { intervalMs: HOUR, source: 'option' } });
    expect(trail.last.retired?.ageMs).toBeGreaterThanOrEqual(0.85 * HOUR);
    expect(trail.last.retired?.ageMs).toBeLessThanOrEqual(HOUR);
    keys.stop();
    const told = trail.events.length;
    await clock.advance(10 * HOUR);
    expect(trail.events).toHaveLength(told);
  });

  test('a manager that was closed ends it, with one event', async () => {
    const keys = rotation({ autoRotate: true });
    keys.start();
    crypto.close();
    await clock.advance(10 * HOUR);
    expect(trail.actions).toEqual(['key.rotation_failed']);
    peer.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('autoRotate: false starts no timer', () => {
    const timers = clock.pendingTimers;
    rotation().start();
    expect(clock.pendingTimers).toBe(timers);
  });

  test('a failure is an event and a warning, and is tried again; nothing is rejected that nobody awaits', async () => {
    trail = new FakeTrail('fail-closed');
    trail.taking = () => Promise.reject(new Error('no disk'));
    const before = crypto.staticKeyId;
    const keys = rotation({ autoRotate: true });
    keys.start();
    await clock.advance(HOUR + 10_000);
    expect(trail.actions.length).toBeGreaterThan(2);
    expect(new Set(trail.actions)).toEqual(new Set(['key.rotation_failed']));
    expect(lines.filter((line) => line.startsWith('warn the static key was not rotated'))).toHaveLength(trail.actions.length);
    expect(crypto.staticKeyId).toBe(before);
    trail.taking = () => Promise.resolve();
    await clock.advance(60_000);
    expect([trail.actions.at(-1), crypto.staticKeyId === before]).toEqual(['key.rotated', false]);
    keys.stop();
  });
});
