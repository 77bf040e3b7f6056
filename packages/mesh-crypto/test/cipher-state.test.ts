import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { CipherState } from '../src/noise/cipher-state.js';
import { NonceCounter } from '../src/noise/nonce-counter.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import type { AeadName } from '../src/primitives/primitives.js';
import { hex, thrown } from './support/vectors.js';

const KEY = Buffer.alloc(32, 5);
const AD = Buffer.from('ad');
const LAST = 2n ** 64n - 1n;
const names: AeadName[] = ['AESGCM', 'ChaChaPoly'];

describe('NonceCounter', () => {
  test.each([
    ['AESGCM', 0x0102030405060708n, '000000000102030405060708'],
    ['ChaChaPoly', 0x0102030405060708n, '000000000807060504030201'],
    ['AESGCM', 2n ** 32n, '000000000000000100000000'],
    ['ChaChaPoly', 2n ** 32n, '000000000000000001000000'],
    ['AESGCM', 2n ** 53n + 1n, '000000000020000000000001'],
    ['ChaChaPoly', 2n ** 53n + 1n, '000000000100000000002000'],
  ] as const)('%s writes %d as %s (rev 34, section 12)', (aead, value, bytes) => {
    const counter = new NonceCounter(aead);
    counter.value = value;
    expect(counter.bytes.toString('hex')).toBe(bytes);
    expect(counter.value).toBe(value);
  });

  test.each([0n, 2n ** 32n - 2n, 2n ** 53n - 2n, 2n ** 63n - 2n])('counts on from %d without a gap or a repeat', (start) => {
    for (const aead of names) {
      const counter = new NonceCounter(aead);
      counter.value = start;
      const seen = new Set([counter.bytes.toString('hex')]);
      for (let step = 1n; step <= 4n; step++) {
        counter.advance();
        expect(counter.value).toBe(start + step);
        seen.add(counter.bytes.toString('hex'));
      }
      expect(seen.size).toBe(5);
    }
  });

  test('never goes back, nor beyond 2^64-1', () => {
    const counter = new NonceCounter('AESGCM');
    counter.value = 10n;
    for (const value of [9n, 0n, -1n, LAST + 1n]) {
      expect(thrown(() => (counter.value = value))).toMatchObject({ reason: 'invalid_option' });
      expect(counter.value).toBe(10n);
    }
  });
});

describe.each([nodePrimitives, noblePrimitives])('CipherState over $name', (primitives) => {
  describe.each(names)('%s', (name) => {
    const cipher = (): CipherState => new CipherState(primitives.aead(name), KEY);
    const pair = (): [CipherState, CipherState] => [cipher(), cipher()];

    test.each([0n, 2n ** 32n - 1n, 2n ** 53n - 1n, 2n ** 53n, LAST - 2n])('messages around n = %d', (start) => {
      const [sender, receiver] = pair();
      sender.nonce = start;
      receiver.nonce = start;
      const sealed = [sender.encrypt(AD, Buffer.from('one')), sender.encrypt(AD, Buffer.from('one'))];
      expect(sealed[0]).not.toEqual(sealed[1]);
      expect(sealed.map((message) => Buffer.from(receiver.decrypt(AD, message)).toString())).toEqual(['one', 'one']);
      expect([sender.nonce, receiver.nonce]).toEqual([start + 2n, start + 2n]);
    });

    test('n = 2^64-1 is never used', () => {
      const [sender, receiver] = pair();
      sender.nonce = LAST - 1n;
      receiver.nonce = LAST - 1n;
      expect(Buffer.from(receiver.decrypt(AD, sender.encrypt(AD, Buffer.from('last')))).toString()).toBe('last');
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(thrown(() => sender.encrypt(AD, Buffer.from('over')))).toMatchObject({ reason: 'nonce_exhausted' });
        expect(thrown(() => receiver.decrypt(AD, Buffer.alloc(20)))).toMatchObject({ reason: 'nonce_exhausted' });
      }
    });

    test('a message that fails does not count', () => {
      const [sender, receiver] = pair();
      const sealed = sender.encrypt(AD, Buffer.from('x'));
      expect(thrown(() => receiver.decrypt(Buffer.from('da'), sealed))).toMatchObject({ reason: 'decrypt_failed' });
      expect(receiver.nonce).toBe(0n);
      expect(Buffer.from(receiver.decrypt(AD, sealed)).toString()).toBe('x');
    });

    test('rekey: k = ENCRYPT(k, 2^64-1, empty, 32 zeros), and n goes on', () => {
      const [sender, receiver] = pair();
      sender.encrypt(AD, Buffer.alloc(1));
      sender.rekey();
      expect(sender.nonce).toBe(1n);
      const nonce = hex('00000000ffffffffffffffff');
      const derived = Buffer.alloc(48);
      primitives.aead(name).sealInto(KEY, nonce, Buffer.alloc(0), [Buffer.alloc(32)], derived, 0);
      const expected = new CipherState(primitives.aead(name), derived.subarray(0, 32));
      expected.nonce = 1n;
      receiver.nonce = 1n;
      const sealed = sender.encrypt(AD, Buffer.from('fresh'));
      expect(thrown(() => receiver.decrypt(AD, sealed))).toMatchObject({ reason: 'decrypt_failed' });
      expect(Buffer.from(expected.decrypt(AD, sealed)).toString()).toBe('fresh');
      receiver.rekey();
      expect(Buffer.from(receiver.decrypt(AD, sealed)).toString()).toBe('fresh');
    });

    test('a Noise message has at most 65,535 bytes', () => {
      const [sender, receiver] = pair();
      expect(receiver.decrypt(AD, sender.encrypt(AD, Buffer.alloc(65519)))).toHaveLength(65519);
      expect(thrown(() => sender.encrypt(AD, Buffer.alloc(65520)))).toMatchObject({ reason: 'body_too_large' });
      expect(thrown(() => receiver.decrypt(AD, Buffer.alloc(65536)))).toMatchObject({ reason: 'decrypt_failed' });
    });

    test('after destroy() nothing works, and the key was never printed', () => {
      const [sender] = pair();
      expect(inspect(sender, { depth: 9, showHidden: true })).not.toMatch(/05 05 05|5, 5, 5/);
      sender.destroy();
      sender.destroy();
      for (const call of [() => sender.encrypt(AD, AD), () => sender.decrypt(AD, Buffer.alloc(16)), () => sender.rekey()]) {
        expect(thrown(call)).toMatchObject({ reason: 'session_closed' });
      }
    });
  });
});
