import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { signWithIdentity, verifyIdentitySignature } from '../../src/identity/identity-signature.js';
import { ed25519Keys, p256Keys } from '../support/certificate-maker.js';

const data = Buffer.from('secure-stack-mesh v1 handshake');
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe.each([
  ['Ed25519', ed25519Keys],
  ['P-256', p256Keys],
])('%s', (_name, newKeys) => {
  const keys = newKeys();
  test('64 bytes that only this key makes, over this data', () => {
    const signature = signWithIdentity(keys.privateKey, data);
    expect(signature).toHaveLength(64);
    expect(verifyIdentitySignature(keys.publicKey, data, signature)).toBe(true);
    expect(verifyIdentitySignature(newKeys().publicKey, data, signature)).toBe(false);
    expect(verifyIdentitySignature(keys.publicKey, data.subarray(1), signature)).toBe(false);
  });

  test('a changed, shortened, extended or empty signature is false, never a throw', () => {
    const signature = signWithIdentity(keys.privateKey, data);
    for (let at = 0; at < 64; at++) {
      const changed = Buffer.from(signature);
      changed[at]! ^= 0x80;
      expect(verifyIdentitySignature(keys.publicKey, data, changed)).toBe(false);
    }
    for (const other of [signature.subarray(1), Buffer.concat([signature, Buffer.of(0)]), Buffer.alloc(0), Buffer.alloc(64), Buffer.alloc(64, 0xff)]) {
      expect(verifyIdentitySignature(keys.publicKey, data, other)).toBe(false);
    }
  });

  test('a public key signs nothing', () => {
    expect(() => signWithIdentity(keys.publicKey, data)).toThrow(/^invalid_key: /);
  });
});

test('P-256: the DER form is not taken', () => {
  const { publicKey, privateKey } = p256Keys();
  expect(verifyIdentitySignature(publicKey, data, sign('sha256', data, privateKey))).toBe(false);
});

test.each([
  ['P-384', p384],
  ['RSA', rsa],
])('%s is no identity key', (_name, { publicKey, privateKey }) => {
  expect(() => signWithIdentity(privateKey, data)).toThrow(/^invalid_key: /);
  expect(verifyIdentitySignature(publicKey, data, Buffer.alloc(64))).toBe(false);
});
