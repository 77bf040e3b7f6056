import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { decodeHandshakePayload, encodeHandshakePayload, signedText } from '../src/channel/handshake-payload.js';
import { prologueOf } from '../src/channel/cipher-suites.js';
import { thrown } from './support/vectors.js';

const signature = Buffer.alloc(64, 5);
const encoded = (...sizes: number[]): Buffer => encodeHandshakePayload({ chain: sizes.map((size) => Buffer.alloc(size, 1)), signature });

test('the prologue, byte for byte (PROTOCOL 1.1)', () => {
  expect(prologueOf('aesgcm')).toEqual(Buffer.from('secure-stack-mesh\x00\x01\x01', 'latin1'));
  expect(prologueOf('chachapoly')).toEqual(Buffer.from('secure-stack-mesh\x00\x01\x02', 'latin1'));
});

test('the signed text, byte for byte (PROTOCOL 1.2)', () => {
  const [handshakeHash, staticKey] = [Buffer.alloc(32, 0xaa), Buffer.alloc(32, 0xbb)];
  const claims = { handshakeHash, staticKey, ownId: 'spiffe://a/b', peerId: 'spiffe://a/cde' };
  expect(signedText({ ...claims, role: 'initiator' }).toString('latin1')).toBe(
    `secure-stack-mesh v1 handshake\x00\x01${'\xaa'.repeat(32)}${'\xbb'.repeat(32)}\x00\x0cspiffe://a/b\x00\x0espiffe://a/cde`,
  );
  expect(signedText({ ...claims, role: 'responder', peerId: '' }).toString('latin1')).toBe(
    `secure-stack-mesh v1 handshake\x00\x02${'\xaa'.repeat(32)}${'\xbb'.repeat(32)}\x00\x0cspiffe://a/b\x00\x00`,
  );
});

describe('the payload', () => {
  test('byte for byte', () => {
    expect(encodeHandshakePayload({ chain: [Buffer.from('leaf'), Buffer.from('ca')], signature }).toString('latin1')).toBe(
      `\x02\x00\x04leaf\x00\x02ca${'\x05'.repeat(64)}`,
    );
  });

  test('comes out as it went in', () => {
    const chains = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(chains, fc.uint8Array({ minLength: 64, maxLength: 64 }), (chain, signed) => {
        const decoded = decodeHandshakePayload(encodeHandshakePayload({ chain, signature: signed }));
        expect(decoded.chain.map((each) => Buffer.from(each))).toEqual(chain.map((each) => Buffer.from(each)));
        expect(Buffer.from(decoded.signature)).toEqual(Buffer.from(signed));
      }),
    );
  });

  test('is refused where it is cut or extended by any number of bytes', () => {
    const whole = encoded(10, 20);
    for (let length = 0; length < whole.length; length++) {
      expect(thrown(() => decodeHandshakePayload(whole.subarray(0, length)))).toMatchObject({ reason: 'handshake_invalid' });
    }
    for (const extra of [1, 64, 1000]) {
      const extended = Buffer.concat([whole, Buffer.alloc(extra)]);
      expect(thrown(() => decodeHandshakePayload(extended))).toMatchObject({ reason: 'handshake_invalid' });
    }
  });

  test('has caps: 1 to 5 certificates of 1 to 4,096 bytes, in a message of 16 KiB', () => {
    expect(decodeHandshakePayload(encoded(4096, 4096, 4096, 3000, 1)).chain).toHaveLength(5);
    const six = Buffer.concat([Buffer.of(6), ...Array<Buffer>(6).fill(Buffer.of(0, 1, 7)), signature]);
    const over = Buffer.concat([Buffer.of(1, 0x10, 0x01), Buffer.alloc(4097), signature]);
    const none = Buffer.concat([Buffer.of(0), signature]);
    const empty = Buffer.concat([Buffer.of(1, 0, 0), signature]);
    for (const bytes of [six, over, none, empty, Buffer.alloc(0)]) {
      expect(thrown(() => decodeHandshakePayload(bytes))).toMatchObject({ reason: 'handshake_invalid' });
    }
    for (const sizes of [[], [0], Array<number>(6).fill(1), [4097], [4096, 4096, 4096, 4096]]) {
      expect(thrown(() => encoded(...sizes))).toMatchObject({ reason: 'identity_invalid' });
    }
  });

  test('arbitrary bytes decode or are refused, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          const { chain, signature: signed } = decodeHandshakePayload(bytes);
          expect(encodeHandshakePayload({ chain, signature: signed }).equals(bytes)).toBe(true);
        } catch (error) {
          if (!MeshError.is(error) || error.reason !== 'handshake_invalid') throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
