import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { verifyPeer } from '../../src/identity/trust-bundle.js';
import { DOMAIN, ed25519Keys, make, makeCa, NOW, p256Keys } from '../support/certificate-maker.js';

const MUTATIONS = 20_000;

/** mulberry32: the same sequence every time, so that a find can be found again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function mutate(der: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(der);
  const at = random(copy.length);
  switch (random(7)) {
    case 0:
      copy[at]! ^= 1 << random(8);
      return copy;
    case 1:
      copy[at] = random(256);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy, Buffer.alloc(1 + random(16), random(256))]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(random(copy.length))]);
    case 5:
      return Buffer.concat([copy.subarray(0, at), Buffer.alloc(1 + random(4), random(256)), copy.subarray(at)]);
    default:
      for (let count = 2 + random(8); count > 0; count--) copy[random(copy.length)] = random(256);
      return copy;
  }
}

describe.each([
  ['Ed25519', ed25519Keys, 1],
  ['P-256', p256Keys, 2],
] as const)('%s', (_name, newKeys, seed) => {
  test(`${MUTATIONS / 2} changed chains: none accepted, nothing thrown but MeshError`, () => {
    const root = makeCa('root', { keys: newKeys() });
    const intermediate = makeCa('intermediate', { keys: newKeys() }, root);
    const good = [make({ keys: newKeys() }, intermediate).der, intermediate.der];
    const options = { trustBundle: [root.der], trustDomain: DOMAIN, now: NOW };
    const random = randomFrom(seed);
    const reasons = new Map<string, number>();
    expect(verifyPeer(good, options).identity.trustDomain).toBe(DOMAIN);
    const { asymmetricKeyType } = root.keys.privateKey;
    const keyPem = root.keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
    let slowest = 0;
    for (let done = 0; done < MUTATIONS / 2; ) {
      const which = random(2);
      const changed = mutate(good[which]!, random);
      if (changed.equals(good[which]!)) continue;
      done++;
      const begin = performance.now();
      let reason = 'accepted';
      try {
        verifyPeer(good.with(which, changed), options);
      } catch (error) {
        reason = MeshError.is(error) ? error.reason : `threw ${String(error)}`;
      }
      slowest = Math.max(slowest, performance.now() - begin);
      // What OpenSSL leaves in its error queue would fail somebody else's next operation (seen with KeyObject.equals).
      if (done % 50 === 0) expect(createPrivateKey(keyPem).asymmetricKeyType).toBe(asymmetricKeyType);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    // Most fall to the reader, the rest to the signature; a changed date or id never gets as far as being reported.
    expect([...reasons.keys()].sort()).toEqual(['certificate_invalid', 'peer_untrusted']);
    expect(reasons.get('peer_untrusted')).toBeGreaterThan(MUTATIONS / 50);
    expect(slowest).toBeLessThan(1_000);
  });
});
