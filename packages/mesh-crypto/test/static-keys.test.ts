import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { staticKeyIdOf } from '../src/key-ids.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import type { KeyPair } from '../src/primitives/primitives.js';
import { StaticKeys } from '../src/static-keys.js';
import { thrown } from './support/vectors.js';

const clock = new FakeClock();
const peer = nodePrimitives.generateKeyPair();
const works = (pair: KeyPair): boolean => {
  try {
    return pair.dh(peer.publicKey).length === 32;
  } catch {
    return false;
  }
};

describe('a static key that was replaced', () => {
  test('goes at once where no handshake holds it, and new ones get the next', () => {
    const keys = new StaticKeys(nodePrimitives, clock);
    const use = keys.use();
    use.end();
    use.end();
    const next = keys.make();
    keys.take(next, false);
    expect([works(use.pair), use.revoked]).toEqual([false, false]);
    expect(thrown(() => use.pair.dh(peer.publicKey))).toMatchObject({ reason: 'invalid_key' });
    const later = keys.use();
    expect([keys.state.keyId, works(later.pair)]).toEqual([next.keyId, true]);
    expect(staticKeyIdOf(later.pair.publicKey)).toBe(next.keyId);
  });

  test('stays for the handshakes under way, until the last of them is over', () => {
    const keys = new StaticKeys(nodePrimitives, clock);
    const [one, other] = [keys.use(), keys.use()];
    expect([one.superseded, other.superseded]).toEqual([false, false]);
    keys.take(keys.make(), false);
    one.end();
    expect(works(other.pair)).toBe(true);
    expect([one.superseded, other.superseded, keys.use().superseded]).toEqual([true, true, false]);
    other.end();
    expect([works(other.pair), other.superseded]).toEqual([false, true]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('or for 10 s: a handshake that nobody ends keeps it no longer', async () => {
    const keys = new StaticKeys(nodePrimitives, clock);
    const forgotten = keys.use();
    keys.take(keys.make(), false);
    await clock.advance(9_999);
    expect(works(forgotten.pair)).toBe(true);
    await clock.advance(1);
    expect([works(forgotten.pair), forgotten.revoked]).toEqual([false, false]);
  });

  test('because of a compromise goes at once, and those before it that a handshake still holds', () => {
    const keys = new StaticKeys(nodePrimitives, clock);
    const first = keys.use();
    keys.take(keys.make(), false);
    const second = keys.use();
    keys.take(keys.make(), true);
    expect([first, second].map(({ pair, revoked }) => [works(pair), revoked])).toEqual([[false, true], [false, true]]);
    expect([works(keys.use().pair), keys.use().revoked]).toEqual([true, false]);
    expect(clock.pendingTimers).toBe(0);
  });
});

test('a compromise also counts for handshakes that are over, and for keys that were replaced before it', () => {
  const keys = new StaticKeys(nodePrimitives, clock);
  const first = keys.use();
  first.end();
  keys.take(keys.make(), false);
  const second = keys.use();
  second.end();
  expect([first.revoked, second.revoked]).toEqual([false, false]);
  keys.take(keys.make(), true);
  expect([first.revoked, second.revoked, keys.use().revoked]).toEqual([true, true, false]);
});

test('a key that was made and not wanted is destroyed; one in use is not', () => {
  const keys = new StaticKeys(nodePrimitives, clock);
  const [unwanted, wanted] = [keys.make(), keys.make()];
  unwanted.discard();
  expect(() => keys.take(unwanted, false)).toThrow(TypeError);
  keys.take(wanted, false);
  wanted.discard();
  expect(works(keys.use().pair)).toBe(true);
  expect(() => keys.take(wanted, false)).toThrow(TypeError);
});

test('age is monotonic, and begins with the use of a key', async () => {
  const own = new FakeClock();
  const keys = new StaticKeys(nodePrimitives, own);
  await own.advance(5_000);
  own.jump(-86_400_000);
  expect(keys.state.ageMs).toBe(5_000);
  const next = keys.make();
  await own.advance(1_000);
  keys.take(next, false);
  await own.advance(7);
  expect(keys.state).toEqual({ keyId: next.keyId, activatedAt: own.now() - 7, ageMs: 7 });
});

test('destroy: present and replaced ones are gone', () => {
  const keys = new StaticKeys(nodePrimitives, clock);
  const first = keys.use();
  keys.take(keys.make(), false);
  const second = keys.use();
  keys.destroy();
  expect([works(first.pair), works(second.pair)]).toEqual([false, false]);
});
