import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { hkdf } from '../src/primitives/hkdf.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import { primitivesFor } from '../src/primitives/primitives-for.js';
import type { Aead, HashName } from '../src/primitives/primitives.js';
import { hex, readVectors, thrown, withChangedByte } from './support/vectors.js';

interface XdhTest { tcId: number; public: string; private: string; shared: string; result: 'valid' | 'acceptable' | 'invalid' }
interface AeadTest { tcId: number; key: string; iv: string; aad: string; msg: string; ct: string; tag: string; result: 'valid' | 'invalid' }
interface Wycheproof<T> { numberOfTests: number; testGroups: { tests: T[] }[] }

const implementations = [nodePrimitives, noblePrimitives];
const ZERO_SHARED = '00'.repeat(32);
const seal = (aead: Aead, key: Buffer, nonce: Buffer, ad: Buffer, ...parts: Buffer[]): Buffer => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const target = Buffer.alloc(length + 16);
  aead.sealInto(key, nonce, ad, parts, target, 0);
  return target;
};

describe.each(implementations)('$name primitives', (primitives) => {
  test('X25519: all 518 Wycheproof cases; the all-zero results are refused', () => {
    const { numberOfTests, testGroups } = readVectors<Wycheproof<XdhTest>>('wycheproof-x25519.json');
    const tests = testGroups.flatMap((group) => group.tests);
    expect(tests).toHaveLength(numberOfTests);
    let refused = 0;
    for (const vector of tests) {
      const pair = primitives.importKeyPair(hex(vector.private));
      if (vector.shared === ZERO_SHARED) {
        expect(thrown(() => pair.dh(hex(vector.public)))).toMatchObject({ reason: 'invalid_key' });
        refused++;
      } else {
        expect([vector.tcId, pair.dh(hex(vector.public)).toString('hex')]).toEqual([vector.tcId, vector.shared]);
      }
    }
    expect(refused).toBe(31);
  });

  test('X25519: public key of a private one (RFC 7748, section 6.1)', () => {
    const alice = primitives.importKeyPair(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'));
    expect(Buffer.from(alice.publicKey).toString('hex')).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
  });

  test('X25519: fresh pairs agree, across implementations too', () => {
    const own = primitives.generateKeyPair();
    for (const other of implementations) {
      const theirs = other.generateKeyPair();
      expect(own.publicKey).toHaveLength(32);
      expect(own.dh(theirs.publicKey)).toEqual(theirs.dh(own.publicKey));
    }
    expect(primitives.generateKeyPair().publicKey).not.toEqual(own.publicKey);
  });

  test('X25519: keys of a wrong size and destroyed pairs are refused; the private key is not printed', () => {
    for (const size of [0, 31, 33]) {
      expect(thrown(() => primitives.importKeyPair(Buffer.alloc(size, 1)))).toMatchObject({ reason: 'invalid_key' });
      expect(thrown(() => primitives.generateKeyPair().dh(Buffer.alloc(size, 9)))).toMatchObject({ reason: 'invalid_key' });
    }
    const secret = Buffer.from('0123456789abcdef0123456789abcdef');
    const pair = primitives.importKeyPair(secret);
    const printed = inspect(pair, { depth: 9, showHidden: true }) + JSON.stringify(pair);
    expect(printed).not.toContain(secret.toString('hex'));
    expect(printed).not.toMatch(/48, 49, 50|30 31 32|"?48,49,50/);
    pair.destroy();
    pair.destroy();
    expect(thrown(() => pair.dh(primitives.generateKeyPair().publicKey))).toMatchObject({ reason: 'invalid_key' });
  });

  test('ChaCha20-Poly1305: all Wycheproof cases, sealed and opened', () => {
    const { numberOfTests, testGroups } = readVectors<Wycheproof<AeadTest>>('wycheproof-chacha20-poly1305.json');
    const tests = testGroups.flatMap((group) => group.tests);
    expect(tests).toHaveLength(numberOfTests);
    const aead = primitives.aead('ChaChaPoly');
    for (const vector of tests) {
      const [key, iv, ad] = [hex(vector.key), hex(vector.iv), hex(vector.aad)];
      const sealed = hex(vector.ct + vector.tag);
      if (vector.result === 'valid') {
        expect([vector.tcId, seal(aead, key, iv, ad, hex(vector.msg)).toString('hex')]).toEqual([vector.tcId, sealed.toString('hex')]);
        expect([vector.tcId, aead.open(key, iv, ad, sealed).toString('hex')]).toEqual([vector.tcId, vector.msg]);
      } else {
        expect(() => aead.open(key, iv, ad, sealed)).toThrow();
      }
    }
  });

  test('AES-256-GCM: the GCM specification\'s test case 16', () => {
    const aead = primitives.aead('AESGCM');
    const key = hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
    const iv = hex('cafebabefacedbaddecaf888');
    const ad = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    const plaintext = hex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    const sealed =
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b';
    expect(seal(aead, key, iv, ad, plaintext.subarray(0, 7), plaintext.subarray(7)).toString('hex')).toBe(sealed);
    expect(aead.open(key, iv, ad, hex(sealed))).toEqual(plaintext);
  });

  test.each(['AESGCM', 'ChaChaPoly'] as const)('%s: any changed bit, a shorter tag and missing bytes are refused', (name) => {
    const aead = primitives.aead(name);
    const [key, nonce, ad] = [Buffer.alloc(32, 7), Buffer.alloc(12, 3), Buffer.from('ad')];
    const sealed = seal(aead, key, nonce, ad, Buffer.from('attack at dawn'));
    for (let position = 0; position < sealed.length; position++) {
      expect(thrown(() => aead.open(key, nonce, ad, withChangedByte(sealed, position)))).toMatchObject({ reason: 'decrypt_failed' });
      expect(thrown(() => aead.open(key, nonce, ad, sealed.subarray(0, position)))).toMatchObject({ reason: 'decrypt_failed' });
    }
    expect(thrown(() => aead.open(key, nonce, Buffer.from('da'), sealed))).toMatchObject({ reason: 'decrypt_failed' });
    expect(aead.open(key, nonce, ad, sealed).toString()).toBe('attack at dawn');
  });

  test('AEADs write at the offset and nowhere else', () => {
    const target = Buffer.alloc(40, 0xee);
    const parts = [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')];
    primitives.aead('AESGCM').sealInto(Buffer.alloc(32), Buffer.alloc(12), Buffer.alloc(0), parts, target, 5);
    expect(target.subarray(0, 5)).toEqual(Buffer.alloc(5, 0xee));
    expect(target.subarray(24)).toEqual(Buffer.alloc(16, 0xee));
  });

  test('HKDF-SHA256 (RFC 5869, cases 1 and 2)', () => {
    const sha256 = primitives.hash('SHA256');
    expect(hkdf(sha256, hex('000102030405060708090a0b0c'), Buffer.alloc(22, 0x0b), hex('f0f1f2f3f4f5f6f7f8f9'), 42).toString('hex')).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
    const bytes = (from: number): Buffer => Buffer.from(Array.from({ length: 80 }, (_, index) => from + index));
    expect(hkdf(sha256, bytes(0x60), bytes(0), bytes(0xb0), 82).toString('hex')).toBe(
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
        'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    );
  });
});

test.each(['SHA256', 'SHA512', 'BLAKE2s', 'BLAKE2b'] as const)('%s, HMAC and HKDF: both implementations agree', (name: HashName) => {
  const [first, second] = [nodePrimitives.hash(name), noblePrimitives.hash(name)];
  for (const length of [0, 1, 55, 64, 128, 129, 1000]) {
    const data = Buffer.alloc(length, length);
    expect(first.digest(data, Buffer.from('!'))).toEqual(second.digest(Buffer.concat([data, Buffer.from('!')])));
    expect(first.hmac(data, data)).toEqual(second.hmac(data, data));
    expect(hkdf(first, data, data, data, 100)).toEqual(hkdf(second, data, data, data, 100));
  }
  expect(first.digest().length).toBe(first.outputBytes);
  expect(second.outputBytes).toBe(first.outputBytes);
});

test.each(['AESGCM', 'ChaChaPoly'] as const)('%s: each implementation opens what the other sealed', (name) => {
  const [key, nonce, ad] = [Buffer.alloc(32, 1), Buffer.alloc(12, 2), Buffer.from('ad')];
  for (const length of [0, 1, 15, 16, 17, 4096, 70_000]) {
    const plaintext = Buffer.alloc(length, length);
    for (const [sealer, opener] of [[nodePrimitives, noblePrimitives], [noblePrimitives, nodePrimitives]] as const) {
      expect(opener.aead(name).open(key, nonce, ad, seal(sealer.aead(name), key, nonce, ad, plaintext))).toEqual(plaintext);
    }
  }
});

test('primitivesFor: the named ones, else node\'s where they have what is needed', () => {
  expect(primitivesFor('node').name).toBe('node');
  expect(primitivesFor('noble', ['AESGCM']).name).toBe('noble');
  expect(primitivesFor().name).toBe('node');
  expect(primitivesFor(undefined, ['AESGCM', 'ChaChaPoly', 'SHA256', 'SHA512', 'BLAKE2s', 'BLAKE2b']).name).toBe('node');
});
