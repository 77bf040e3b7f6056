import { randomBytes } from 'node:crypto';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { gcm } from '@noble/ciphers/aes.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, test } from '@jest/globals';
import type { CipherSuite } from '@lemur-bookstores/mesh-interface';
import { deriveEpoch, firstKeyIdOf, keyIdOf } from '../src/channel/key-schedule.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import { deliver, endsOf, HANDSHAKE_HASH, settle, withKnownKeys } from './support/rekeying-ends.js';
import { hex } from './support/vectors.js';

/**
 * rk, kIR, kRI and key ids of the first epochs of a session whose h is 32 times 09, whose first keys are 32 times 01 (kIR), 02 (kRI) and
 * 03 (rk), and whose fresh private keys are 32 times 40, 41, 42 (dialler) and 60, 61, 62 (acceptor). Computed in Python, with nothing but
 * its hmac and the formulas of RFC 7748 and PROTOCOL 3.3.
 */
const EPOCHS = [
  {
    rekeySecret: '1e8709e931c954e78f115b0644c86eb8a0c2380af0a56507a158d48b133d394f',
    initiatorToResponder: 'fabcf595fab39ebe1245b288ffcd0c2204a72322c491f37c2f44de719d4accfa',
    responderToInitiator: '0731b6b8b7aa9a9cfefd2dabcd5d50ed6e60980bc3de703e29c88e99a791027a',
    keyId: '008a614afdf91a4f7c3dc0c5f6b15ebe',
  },
  {
    rekeySecret: 'cd3d453d15ef2a6b47cd2c637c5d698556dd69355ef4f71b948c7a704be4c7bd',
    initiatorToResponder: '33a9f577560d9b2145602ac9e89d6e6091dee07cabf853a2744bd130d1de1917',
    responderToInitiator: '8594160f7daff8fabf171d546f4a92eec2555aa7482f1e1d4a4f561972af0fcc',
    keyId: '142b5d50a64ea792b0b41d28ee010345',
  },
  {
    rekeySecret: '4856bade76d3384433e5557af51e9882559cc7dfbf0757801abd792b4fcb157a',
    initiatorToResponder: 'df5d2f3a3ceaebdccb75d629005d9645168e87761ad76174279ee54a0dc188c8',
    responderToInitiator: '23c49e5e981499975d5fb2ae6a020cd2a374714f967da253f66cdbe9a9badf77',
    keyId: 'a534e6ca3381f7e30426d0b812ad7b84',
  },
] as const;
const FIRST_KEY_ID = 'd72a721492cf1ac35031f5b8c89a6ef7';

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** Opens a record with noble alone. */
function openWithNoble(suite: CipherSuite, key: Uint8Array, counter: number, record: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12);
  if (suite === 'aesgcm') nonce.writeUInt32BE(counter, 8);
  else nonce.writeUInt32LE(counter, 4);
  const cipher = suite === 'aesgcm' ? gcm(key, nonce, record.subarray(0, 1)) : chacha20poly1305(key, nonce, record.subarray(0, 1));
  return Buffer.from(cipher.decrypt(record.subarray(1)));
}

describe.each(['aesgcm', 'chachapoly'] as const)('three rekeys with %s', (suite) => {
  const both = [nodePrimitives, noblePrimitives];
  const pairs = both.flatMap((dialler) => both.map((acceptor) => [dialler, acceptor] as const));
  test.each(pairs)('are those of the published formula, byte by byte, on every record', (left, right) => {
    const ends = endsOf({ suite, primitives: [withKnownKeys(left, 0x40), withKnownKeys(right, 0x60)] });
    const { dialler, acceptor } = ends;
    let [toResponder, toInitiator]: [Uint8Array, Uint8Array] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    expect(dialler.rekeying.usage.keyId).toBe(FIRST_KEY_ID);
    EPOCHS.forEach((keys, index) => {
      const epoch = index + 1;
      const [privateA, privateB] = [Buffer.alloc(32, 0x40 + index), Buffer.alloc(32, 0x60 + index)];
      // Later epochs have begun with DONE, and with the acceptor's 'fro'.
      const used = index === 0 ? 0 : 1;

      dialler.send('to');
      expect(openWithNoble(suite, toResponder, used, dialler.outbox[0]!).toString()).toBe('to');
      dialler.rekeying.rekey('manual');
      const init = dialler.outbox[1]!;
      expect(init[0]).toBe(0x80 | index);
      expect(openWithNoble(suite, toResponder, used + 1, init)).toEqual(Buffer.concat([Buffer.of(2), u32(epoch), x25519.getPublicKey(privateA)]));

      deliver(dialler, acceptor);
      const response = acceptor.outbox[0]!;
      expect(response[0]).toBe(0x80 | index);
      expect(openWithNoble(suite, toInitiator, used, response)).toEqual(Buffer.concat([Buffer.of(3), u32(epoch), x25519.getPublicKey(privateB)]));

      [toResponder, toInitiator] = [hex(keys.initiatorToResponder), hex(keys.responderToInitiator)];
      acceptor.send('fro');
      expect(acceptor.outbox[1]![0]).toBe(epoch);
      expect(openWithNoble(suite, toInitiator, 0, acceptor.outbox[1]!).toString()).toBe('fro');
      deliver(acceptor, dialler);
      const done = dialler.outbox[0]!;
      expect(done[0]).toBe(0x80 | epoch);
      expect(openWithNoble(suite, toResponder, 0, done)).toEqual(Buffer.of(4));
      settle(ends);
      for (const end of [dialler, acceptor]) {
        expect([end.channel.epoch, end.rekeying.usage.keyId]).toEqual([epoch, keys.keyId]);
        expect(end.rotations).toHaveLength(epoch);
      }
    });
  });
});


test('any secrets: the derivation written a second time', () => {
  for (let round = 0; round < 20; round++) {
    const [rekeySecret, sharedSecret, handshakeHash, initiatorKey, responderKey] = [0, 1, 2, 3, 4].map(() => randomBytes(32)) as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const epoch = round === 0 ? 2 ** 32 - 1 : randomBytes(4).readUInt32BE();
    const publicValues = concatBytes(handshakeHash, u32(epoch), initiatorKey, responderKey);
    const info = concatBytes(utf8ToBytes('secure-stack-mesh v1 rekey'), Uint8Array.of(0), publicValues);
    const expected = Buffer.from(hkdf(sha256, sharedSecret, rekeySecret, info, 96));
    const id = Buffer.from(sha256(concatBytes(utf8ToBytes('secure-stack-mesh v1 key id'), Uint8Array.of(0), publicValues))).toString('hex', 0, 16);
    for (const primitives of [nodePrimitives, noblePrimitives]) {
      const hash = primitives.hash('SHA256');
      const transcript = { handshakeHash, epoch, initiatorKey, responderKey };
      const derived = deriveEpoch(hash, rekeySecret, sharedSecret, transcript);
      expect(Buffer.concat([derived.rekeySecret, derived.initiatorToResponder, derived.responderToInitiator])).toEqual(expected);
      expect(keyIdOf(hash, transcript)).toBe(id);
    }
  }
});

test('every public value changes every key, and the id', () => {
  const hash = nodePrimitives.hash('SHA256');
  const base = { handshakeHash: HANDSHAKE_HASH, epoch: 1, initiatorKey: Buffer.alloc(32, 1), responderKey: Buffer.alloc(32, 2) };
  const others = [
    base,
    { ...base, handshakeHash: Buffer.alloc(32, 8) },
    { ...base, epoch: 17 },
    { ...base, initiatorKey: Buffer.alloc(32, 3) },
    { ...base, responderKey: Buffer.alloc(32, 3) },
    { ...base, initiatorKey: base.responderKey, responderKey: base.initiatorKey },
  ];
  const values = others.flatMap((transcript) => {
    const { rekeySecret, initiatorToResponder, responderToInitiator } = deriveEpoch(hash, Buffer.alloc(32, 5), Buffer.alloc(32, 6), transcript);
    return [rekeySecret, initiatorToResponder, responderToInitiator].map((key) => key.toString('hex')).concat(keyIdOf(hash, transcript));
  });
  expect(new Set(values).size).toBe(values.length);
  expect(firstKeyIdOf(hash, HANDSHAKE_HASH)).toBe(FIRST_KEY_ID);
});
