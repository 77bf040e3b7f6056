import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { CipherSuite, PeerIdentity, SecureChannel } from '@lemur-bookstores/mesh-interface';
import { MAX_RECORD_PLAINTEXT_BYTES, NoiseChannel } from '../src/channel/noise-channel.js';
import { RecordKeys } from '../src/channel/record-keys.js';
import { NonceCounter } from '../src/noise/nonce-counter.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import type { CryptoPrimitives } from '../src/primitives/primitives.js';
import { hex, thrown, withChangedByte } from './support/vectors.js';

const peer: PeerIdentity = { id: 'spiffe://example.org/a', trustDomain: 'example.org', serviceId: 'a', publicKey: 'x', notAfter: 0 };
const reverify = (): undefined => undefined;
const keyOf = (byte: number): Buffer => Buffer.alloc(32, byte);

/** Both ends of a session, and the very buffers their keys are in. */
function channelPair(suite: CipherSuite = 'aesgcm', left = nodePrimitives, right = nodePrimitives): {
  initiator: SecureChannel;
  responder: SecureChannel;
  initiatorKeys: Buffer[];
  responderKeys: Buffer[];
} {
  const common = { suite, peer, reverify, handshakeHash: Buffer.alloc(32, 9) };
  const initiatorKeys = [keyOf(1), keyOf(2), keyOf(3)] as const;
  const responderKeys = [keyOf(2), keyOf(1), keyOf(3)] as const;
  const channel = (role: 'initiator' | 'responder', primitives: CryptoPrimitives, keys: readonly [Buffer, Buffer, Buffer]): NoiseChannel =>
    new NoiseChannel({ ...common, role, primitives, keys: { send: keys[0], receive: keys[1], rekeySecret: keys[2] } });
  return {
    initiator: channel('initiator', left, initiatorKeys),
    responder: channel('responder', right, responderKeys),
    initiatorKeys: [...initiatorKeys],
    responderKeys: [...responderKeys],
  };
}

const text = (value: string): Buffer[] => [Buffer.from(value)];

/** Refused, everything wiped, nothing works afterwards. */
function expectDestroyed(channel: SecureChannel, keys: readonly Buffer[], record: Uint8Array): void {
  expect(thrown(() => channel.open(record))).toMatchObject({ reason: 'record_invalid', code: 'DATA_LOSS' });
  for (const key of keys) expect(key.equals(Buffer.alloc(32))).toBe(true);
  expect(thrown(() => channel.open(record))).toMatchObject({ reason: 'session_closed' });
  expect(thrown(() => channel.seal(0, text('x')))).toMatchObject({ reason: 'session_closed' });
}

describe.each(['aesgcm', 'chachapoly'] as const)('records with %s', (suite) => {
  test('any parts come out as one plaintext, in order, with their flags, between any primitives', () => {
    const both = [nodePrimitives, noblePrimitives];
    const pairs = both.flatMap((left) => both.map((right) => channelPair(suite, left, right)));
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 15 }),
        fc.boolean(),
        fc.nat(pairs.length - 1),
        (parts, flags, forth, index) => {
          const { initiator, responder } = pairs[index]!;
          const [from, to] = forth ? [initiator, responder] : [responder, initiator];
          const plaintext = Buffer.concat(parts);
          const record = from.seal(flags << 4, parts);
          expect(record.length).toBe(plaintext.length + 17);
          expect(record[0]).toBe(flags << 4);
          expect(Buffer.concat(parts)).toEqual(plaintext);
          expect(to.open(record).equals(plaintext)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('the bytes: header, ciphertext under nonce n, tag, with the header authenticated', () => {
    const { initiator } = channelPair(suite);
    const aead = noblePrimitives.aead(suite === 'aesgcm' ? 'AESGCM' : 'ChaChaPoly');
    for (const n of [0, 1, 2]) {
      const record = initiator.seal(0x30, [Buffer.from('he'), Buffer.from('llo')]);
      expect(record[0]).toBe(0x30);
      const nonce = hex(suite === 'aesgcm' ? `00000000000000000000000${n}` : `000000000${n}00000000000000`.slice(0, 24));
      expect(aead.open(keyOf(1), nonce, Uint8Array.of(0x30), record.subarray(1)).toString()).toBe('hello');
    }
  });

  test('any changed byte', () => {
    const { length } = channelPair(suite).initiator.seal(0x10, text('a record'));
    for (let position = 0; position < length; position++) {
      const { initiator, responder, responderKeys } = channelPair(suite);
      expectDestroyed(responder, responderKeys, withChangedByte(initiator.seal(0x10, text('a record')), position));
    }
  });

  test('cut anywhere, or extended', () => {
    const { length } = channelPair(suite).initiator.seal(0x10, text('a record'));
    for (let cut = 0; cut < length; cut++) {
      const { initiator, responder, responderKeys } = channelPair(suite);
      expectDestroyed(responder, responderKeys, initiator.seal(0x10, text('a record')).subarray(0, cut));
    }
    const { initiator, responder, responderKeys } = channelPair(suite);
    expectDestroyed(responder, responderKeys, Buffer.concat([initiator.seal(0, text('a record')), Buffer.alloc(1)]));
  });

  test('replayed, reordered, missing, reflected, of another session, of another epoch', () => {
    const cases: ((pair: ReturnType<typeof channelPair>) => Uint8Array)[] = [
      ({ initiator, responder }) => {
        const record = initiator.seal(0, text('once'));
        responder.open(record);
        return record;
      },
      ({ initiator }) => (initiator.seal(0, text('first')), initiator.seal(0, text('second'))),
      ({ responder }) => responder.seal(0, text('own')),
      () => {
        const other = new NoiseChannel({
          role: 'initiator', suite, peer, reverify, handshakeHash: Buffer.alloc(32), primitives: nodePrimitives,
          keys: { send: keyOf(7), receive: keyOf(8), rekeySecret: keyOf(9) },
        });
        return other.seal(0, text('other'));
      },
      ({ initiator }) => {
        const record = initiator.seal(0, text('x'));
        record[0] = 1;
        return record;
      },
    ];
    for (const make of cases) {
      const pair = channelPair(suite);
      expectDestroyed(pair.responder, pair.responderKeys, make(pair));
    }
  });

  test('a genuine record of epoch 1 is refused by its header, before the tag', () => {
    const { responder, responderKeys } = channelPair(suite);
    const record = new RecordKeys(nodePrimitives.aead(suite === 'aesgcm' ? 'AESGCM' : 'ChaChaPoly'), keyOf(1), { epoch: 1 }).seal(0, text('x'), 1);
    expect(record[0]).toBe(0x01);
    expectDestroyed(responder, responderKeys, record);
  });
});

describe('limits', () => {
  test('256 KiB of plaintext, no byte more, on both sides', () => {
    const { initiator, responder } = channelPair();
    const largest = Buffer.alloc(MAX_RECORD_PLAINTEXT_BYTES, 7);
    expect(responder.open(initiator.seal(0, [largest.subarray(0, 100), largest.subarray(100)])).equals(largest)).toBe(true);
    expect(thrown(() => initiator.seal(0, [largest, Buffer.alloc(1)]))).toMatchObject({ reason: 'body_too_large' });
    // Nothing was sealed: the channel is as good as before.
    expect(responder.open(initiator.seal(0, text('on'))).toString()).toBe('on');
    const tooLarge = new RecordKeys(nodePrimitives.aead('AESGCM'), keyOf(1)).seal(0, [largest, Buffer.alloc(1)], largest.length + 1);
    const fresh = channelPair();
    expectDestroyed(fresh.responder, fresh.responderKeys, tooLarge);
  });

  test.each([1, 0x0f, 0x11, 0x100, -1, 0.5, Number.NaN])('flags %d are refused', (flags) => {
    const { initiator, responder } = channelPair();
    expect(thrown(() => initiator.seal(flags, text('x')))).toMatchObject({ reason: 'invalid_option' });
    expect(responder.open(initiator.seal(0xf0, text('on'))).toString()).toBe('on');
  });

  test('an empty record is a record', () => {
    const { initiator, responder } = channelPair();
    expect(responder.open(initiator.seal(0, []))).toHaveLength(0);
    expect(responder.open(initiator.seal(0, [Buffer.alloc(0)]))).toHaveLength(0);
  });
});

describe('destroying', () => {
  test('wipes every key, twice if need be, and ends the channel', () => {
    const { initiator, initiatorKeys } = channelPair();
    initiator.destroy();
    initiator.destroy();
    for (const key of initiatorKeys) expect(key.equals(Buffer.alloc(32))).toBe(true);
    expect(thrown(() => initiator.seal(0, text('x')))).toMatchObject({ reason: 'session_closed', code: 'UNAVAILABLE' });
  });

  test('an error of the AEAD in between is a destroyed channel too', () => {
    const keys = { send: keyOf(1), receive: keyOf(2), rekeySecret: keyOf(3) };
    const broken: CryptoPrimitives = {
      ...nodePrimitives,
      aead: () => ({ name: 'AESGCM', sealInto: () => { throw new Error('broken'); }, open: () => { throw new Error('broken'); } }),
    };
    const handshakeHash = Buffer.alloc(32);
    const channel = new NoiseChannel({ role: 'initiator', suite: 'aesgcm', peer, reverify, handshakeHash, primitives: broken, keys });
    expect(thrown(() => channel.seal(0, text('x')))).toMatchObject({ message: 'broken' });
    expect(keys.send.equals(Buffer.alloc(32))).toBe(true);
    expect(thrown(() => channel.seal(0, text('x')))).toMatchObject({ reason: 'session_closed' });
  });

  test('keys are not printed', () => {
    expect(inspect(channelPair().initiator, { depth: 9, showHidden: true })).not.toMatch(/01 01 01|02 02 02|03 03 03/);
  });

  test('what was opened lives in memory of its own', () => {
    const { initiator, responder } = channelPair();
    const record = initiator.seal(0, text('keep me'));
    const plaintext = responder.open(record);
    record.fill(0);
    responder.destroy();
    expect(plaintext.toString()).toBe('keep me');
  });
});

describe('RecordKeys', () => {
  test.each(['AESGCM', 'ChaChaPoly'] as const)('%s: counts records and bytes, past 2^32 and 2^53, and ends before 2^64-1', (name) => {
    const aead = nodePrimitives.aead(name);
    for (const start of [0n, 2n ** 32n - 1n, 2n ** 53n - 1n, 2n ** 64n - 3n]) {
      const [sealing, opening, reference] = [new NonceCounter(name), new NonceCounter(name), new NonceCounter(name)];
      for (const counter of [sealing, opening, reference]) counter.value = start;
      const [sender, receiver] = [new RecordKeys(aead, keyOf(1), { counter: sealing }), new RecordKeys(aead, keyOf(1), { counter: opening })];
      for (const value of ['ab', 'c']) {
        const record = sender.seal(0, text(value), value.length);
        expect(noblePrimitives.aead(name).open(keyOf(1), reference.bytes, Uint8Array.of(0), record.subarray(1)).toString()).toBe(value);
        expect(receiver.open(record).toString()).toBe(value);
        reference.advance();
      }
      expect([sender.records, sender.bytes, receiver.records, receiver.bytes]).toEqual([2, 3, 2, 3]);
      if (start === 2n ** 64n - 3n) {
        expect(thrown(() => sender.seal(0, text('x'), 1))).toMatchObject({ reason: 'nonce_exhausted' });
        expect(thrown(() => receiver.open(Buffer.alloc(18)))).toMatchObject({ reason: 'nonce_exhausted' });
      }
    }
  });
});
