import { describe, expect, test } from '@jest/globals';
import { NoiseHandshake, type NoiseHandshakeOptions } from '../src/noise/noise-handshake.js';
import { parseProtocolName } from '../src/noise/patterns.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import type { CryptoPrimitives } from '../src/primitives/primitives.js';
import { thrown, withChangedByte } from './support/vectors.js';

const EMPTY = Buffer.alloc(0);
const XX = 'Noise_XX_25519_AESGCM_SHA256';

function pairOf(
  protocolName: string,
  [initiatorPrimitives, responderPrimitives]: [CryptoPrimitives, CryptoPrimitives] = [nodePrimitives, nodePrimitives],
  overrides: { initiator?: Partial<NoiseHandshakeOptions>; responder?: Partial<NoiseHandshakeOptions> } = {},
): [NoiseHandshake, NoiseHandshake] {
  const protocol = parseProtocolName(protocolName);
  const [initiatorStatic, responderStatic] = [initiatorPrimitives.generateKeyPair(), responderPrimitives.generateKeyPair()];
  const shared = { protocolName, psks: Array.from({ length: protocol.pskCount }, (_, index) => Buffer.alloc(32, index + 1)) };
  return [
    new NoiseHandshake({
      ...shared,
      role: 'initiator',
      staticKey: initiatorStatic,
      primitives: initiatorPrimitives,
      ...(protocol.preMessages[1].length > 0 ? { remoteStaticKey: responderStatic.publicKey } : {}),
      ...overrides.initiator,
    }),
    new NoiseHandshake({
      ...shared,
      role: 'responder',
      staticKey: responderStatic,
      primitives: responderPrimitives,
      ...(protocol.preMessages[0].length > 0 ? { remoteStaticKey: initiatorStatic.publicKey } : {}),
      ...overrides.responder,
    }),
  ];
}

function run(initiator: NoiseHandshake, responder: NoiseHandshake): void {
  for (let index = 0; !initiator.complete; index++) {
    const [writer, reader] = index % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const payload = Buffer.from(`payload ${index}`);
    expect(Buffer.from(reader.readMessage(writer.writeMessage(payload)))).toEqual(payload);
  }
}

test.each(['SHA256', 'SHA512', 'BLAKE2s', 'BLAKE2b'].flatMap((hash) => ['AESGCM', 'ChaChaPoly'].map((aead) => `25519_${aead}_${hash}`)))(
  '%s: node and noble shake hands, either way round, with all psk positions',
  (suite) => {
    for (const pattern of ['XX', 'IKpsk2', 'XXpsk0+psk1+psk2+psk3', 'NNpsk0']) {
      for (const [left, right] of [[nodePrimitives, noblePrimitives], [noblePrimitives, nodePrimitives]] as const) {
        const [initiator, responder] = pairOf(`Noise_${pattern}_${suite}`, [left, right]);
        run(initiator, responder);
        expect(initiator.handshakeHash).toEqual(responder.handshakeHash);
        const [mine, theirs] = [initiator.split(), responder.split()];
        expect(Buffer.from(theirs.receive.decrypt(EMPTY, mine.send.encrypt(EMPTY, Buffer.from('to')))).toString()).toBe('to');
        expect(Buffer.from(mine.receive.decrypt(EMPTY, theirs.send.encrypt(EMPTY, Buffer.from('fro')))).toString()).toBe('fro');
      }
    }
  },
);

test('splitKeys: send and receive are the ciphers of split(), the rekey secret is shared and different', () => {
  const fixed = { ephemeralKey: Buffer.alloc(32, 1), staticKey: Buffer.alloc(32, 2) };
  const twice = [0, 1].map(() => {
    const [initiator, responder] = pairOf(XX, undefined, { initiator: fixed, responder: { ...fixed, ephemeralKey: Buffer.alloc(32, 3) } });
    run(initiator, responder);
    return [initiator, responder] as const;
  });
  const [first, second] = twice;
  const [mine, theirs] = [first![0].splitKeys(), first![1].splitKeys()];
  expect(mine.send).toEqual(theirs.receive);
  expect(mine.receive).toEqual(theirs.send);
  expect(mine.rekeySecret).toEqual(theirs.rekeySecret);
  expect(new Set([mine.send, mine.receive, mine.rekeySecret].map((key) => key.toString('hex'))).size).toBe(3);
  const sealed = Buffer.alloc(17);
  nodePrimitives.aead('AESGCM').sealInto(mine.send, Buffer.alloc(12), EMPTY, [Buffer.from('x')], sealed, 0);
  expect(Buffer.from(second![0].split().send.encrypt(EMPTY, Buffer.from('x')))).toEqual(sealed);
  expect(thrown(() => first![0].split())).toMatchObject({ reason: 'handshake_invalid' });
});

describe('refused at construction', () => {
  test.each([
    '',
    'Noise',
    'Noise_XX_25519_AESGCM_SHA256 ',
    'Noise_XX_25519_AESGCM_SHA1',
    'Noise_XX_448_AESGCM_SHA256',
    'Noise_ZZ_25519_AESGCM_SHA256',
    'Noise_XXpsk4_25519_AESGCM_SHA256',
    'Noise_XXpsk3+psk3_25519_AESGCM_SHA256',
    'Noise_XXpsk3psk2_25519_AESGCM_SHA256',
    'Noise___proto___25519_AESGCM_SHA256',
    'Noise_XXfallback_25519_AESGCM_SHA256',
  ])('protocol name "%s"', (protocolName) => {
    const staticKey = Buffer.alloc(32, 1);
    expect(thrown(() => new NoiseHandshake({ protocolName, role: 'initiator', staticKey }))).toMatchObject({ reason: 'invalid_option' });
  });

  test.each([
    [{ protocolName: XX }, 'invalid_option'],
    [{ protocolName: 'Noise_NK_25519_AESGCM_SHA256' }, 'invalid_option'],
    [{ protocolName: XX, staticKey: Buffer.alloc(31) }, 'invalid_key'],
    [{ protocolName: XX, staticKey: Buffer.alloc(32, 1), remoteStaticKey: Buffer.alloc(32, 9) }, 'invalid_option'],
    [{ protocolName: 'Noise_NK_25519_AESGCM_SHA256', remoteStaticKey: Buffer.alloc(33) }, 'invalid_key'],
    [{ protocolName: 'Noise_NNpsk0_25519_AESGCM_SHA256' }, 'invalid_option'],
    [{ protocolName: 'Noise_NNpsk0_25519_AESGCM_SHA256', psks: [Buffer.alloc(31)] }, 'invalid_key'],
    [{ protocolName: 'Noise_NN_25519_AESGCM_SHA256', psks: [Buffer.alloc(32)] }, 'invalid_option'],
  ])('%j', (options, reason) => {
    expect(thrown(() => new NoiseHandshake({ role: 'initiator', ...options }))).toMatchObject({ reason });
  });
});

describe('the peer and the order of calls', () => {
  test('another prologue is refused at the first encrypted field', () => {
    const [initiator, responder] = pairOf(XX, undefined, { responder: { prologue: Buffer.from('other') } });
    responder.readMessage(initiator.writeMessage(EMPTY));
    expect(thrown(() => initiator.readMessage(responder.writeMessage(EMPTY)))).toMatchObject({ reason: 'handshake_invalid' });
  });

  test('another psk is refused', () => {
    const [initiator, responder] = pairOf('Noise_NNpsk0_25519_AESGCM_SHA256', undefined, { responder: { psks: [Buffer.alloc(32, 9)] } });
    expect(thrown(() => responder.readMessage(initiator.writeMessage(EMPTY)))).toMatchObject({ reason: 'handshake_invalid' });
  });

  test('a changed byte anywhere in message 2 or 3 is refused, and ends the handshake', () => {
    for (const index of [1, 2]) {
      let length = 1;
      for (let position = 0; position < length; position++) {
        const [initiator, responder] = pairOf(XX);
        responder.readMessage(initiator.writeMessage(EMPTY));
        let message = responder.writeMessage(EMPTY);
        if (index === 2) {
          initiator.readMessage(message);
          message = initiator.writeMessage(EMPTY);
        }
        length = message.length;
        const reader = index === 1 ? initiator : responder;
        expect(thrown(() => reader.readMessage(withChangedByte(message, position)))).toMatchObject({ reason: 'handshake_invalid' });
        expect(thrown(() => reader.readMessage(message))).toMatchObject({ reason: 'handshake_invalid' });
        expect(thrown(() => reader.split())).toMatchObject({ reason: 'handshake_invalid' });
      }
    }
  });

  test('every cut, and a message longer than 65,535 bytes', () => {
    const [initiator, responder] = pairOf(XX);
    responder.readMessage(initiator.writeMessage(EMPTY));
    const message = responder.writeMessage(EMPTY);
    for (let length = 0; length < message.length; length++) {
      const [other] = pairOf(XX);
      other.writeMessage(EMPTY);
      expect(thrown(() => other.readMessage(message.subarray(0, length)))).toMatchObject({ reason: 'handshake_invalid' });
    }
    const [, reader] = pairOf(XX);
    expect(thrown(() => reader.readMessage(Buffer.alloc(65536)))).toMatchObject({ reason: 'handshake_invalid' });
    const [writer] = pairOf(XX);
    expect(thrown(() => writer.writeMessage(Buffer.alloc(65536 - 32)))).toMatchObject({ reason: 'handshake_invalid' });
    const [largest, taker] = pairOf(XX);
    expect(taker.readMessage(largest.writeMessage(Buffer.alloc(65535 - 32)))).toHaveLength(65535 - 32);
  });

  test('an ephemeral key of low order is a clean failure', () => {
    for (const primitives of [nodePrimitives, noblePrimitives]) {
      const [, responder] = pairOf(XX, [primitives, primitives]);
      responder.readMessage(Buffer.alloc(32));
      expect(thrown(() => responder.writeMessage(EMPTY))).toMatchObject({ reason: 'handshake_invalid', code: 'UNAUTHENTICATED' });
    }
  });

  test('out of turn, before the end, after the end', () => {
    const [initiator, responder] = pairOf(XX);
    for (const call of [() => initiator.readMessage(EMPTY), () => responder.writeMessage(EMPTY), () => initiator.split()]) {
      expect(thrown(call)).toMatchObject({ reason: 'handshake_invalid' });
    }
    run(initiator, responder);
    expect(thrown(() => initiator.writeMessage(EMPTY))).toMatchObject({ reason: 'handshake_invalid' });
    expect(thrown(() => responder.readMessage(EMPTY))).toMatchObject({ reason: 'handshake_invalid' });
  });

  test('one-way patterns: nothing can be sent back', () => {
    const [initiator, responder] = pairOf('Noise_X_25519_AESGCM_SHA256');
    run(initiator, responder);
    const { send, receive } = responder.split();
    expect(thrown(() => send.encrypt(EMPTY, EMPTY))).toMatchObject({ reason: 'session_closed' });
    expect(Buffer.from(receive.decrypt(EMPTY, initiator.split().send.encrypt(EMPTY, Buffer.from('one way')))).toString()).toBe('one way');
  });
});
