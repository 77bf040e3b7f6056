import { expect, test } from '@jest/globals';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import type { Aead, CryptoPrimitives } from '../src/primitives/primitives.js';
import { selfTest } from '../src/self-test.js';
import { thrown } from './support/vectors.js';

test('passes, whichever comes first', () => {
  expect(() => selfTest(nodePrimitives, noblePrimitives)).not.toThrow();
  expect(() => selfTest(noblePrimitives, nodePrimitives)).not.toThrow();
});

const aead = nodePrimitives.aead('AESGCM');
/** Node's primitives with part of AESGCM replaced. */
const withAead = (broken: Partial<Aead>): CryptoPrimitives => ({
  ...nodePrimitives,
  aead: (name) =>
    name === 'AESGCM' ? { name, sealInto: aead.sealInto.bind(aead), open: aead.open.bind(aead), ...broken } : nodePrimitives.aead(name),
});
const fail = (): never => {
  throw new Error('no');
};
const sealIntoWithWrongTag: Aead['sealInto'] = (key, nonce, ad, parts, target, offset) => {
  aead.sealInto(key, nonce, ad, parts, target, offset);
  target.writeUInt8(target.readUInt8(target.length - 1) ^ 1, target.length - 1);
};

test.each<[string, CryptoPrimitives]>([
  ['a wrong X25519', { ...nodePrimitives, importKeyPair: () => nodePrimitives.generateKeyPair() }],
  ['a wrong HMAC', { ...nodePrimitives, hash: () => nodePrimitives.hash('SHA512') }],
  ['an AEAD with a wrong tag', withAead({ sealInto: sealIntoWithWrongTag })],
  ['an AEAD that does not check the tag', withAead({ open: (_key, _nonce, _ad, sealed) => Buffer.from(sealed.subarray(0, -16)) })],
  ['an AEAD that opens nothing', withAead({ open: fail })],
])('finds %s', (_what, broken) => {
  expect(thrown(() => selfTest(broken, noblePrimitives))).toMatchObject({ reason: 'self_test_failed', code: 'INTERNAL' });
  expect(thrown(() => selfTest(noblePrimitives, broken))).toMatchObject({ reason: 'self_test_failed' });
});

test('finds an AEAD that opens what it should refuse', () => {
  const seals = new Map<string, Buffer>();
  const careless = withAead({
    sealInto: (key, nonce, ad, parts, target, offset) => {
      aead.sealInto(key, nonce, ad, parts, target, offset);
      seals.set(Buffer.from(nonce).toString('hex'), Buffer.concat(parts.map((part) => Buffer.from(part))));
    },
    open: (key, nonce, ad, sealed) => seals.get(Buffer.from(nonce).toString('hex')) ?? aead.open(key, nonce, ad, sealed),
  });
  expect(thrown(() => selfTest(careless, careless))).toMatchObject({ reason: 'self_test_failed' });
});

test('what an implementation lacks is left out', () => {
  const fips: CryptoPrimitives = {
    ...nodePrimitives,
    supports: (name) => name !== 'ChaChaPoly',
    aead: (name) => (name === 'ChaChaPoly' ? fail() : nodePrimitives.aead(name)),
  };
  expect(() => selfTest(fips, noblePrimitives)).not.toThrow();
});
