import { expect, test } from '@jest/globals';
import { NoiseHandshake } from '../src/noise/noise-handshake.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import type { CryptoPrimitives } from '../src/primitives/primitives.js';
import { hex, readVectors } from './support/vectors.js';

interface Vector {
  protocol_name: string;
  init_prologue: string;
  init_static?: string;
  init_ephemeral?: string;
  init_remote_static?: string;
  init_psks?: string[];
  resp_prologue: string;
  resp_static?: string;
  resp_ephemeral?: string;
  resp_remote_static?: string;
  resp_psks?: string[];
  handshake_hash: string;
  messages: { payload: string; ciphertext: string }[];
}

const { vectors } = readVectors<{ vectors: Vector[] }>('noise-cacophony.json');
const EMPTY = Buffer.alloc(0);

function side(vector: Vector, role: 'initiator' | 'responder', primitives: CryptoPrimitives): NoiseHandshake {
  const [prologue, staticKey, ephemeralKey, remoteStaticKey, psks] =
    role === 'initiator'
      ? [vector.init_prologue, vector.init_static, vector.init_ephemeral, vector.init_remote_static, vector.init_psks]
      : [vector.resp_prologue, vector.resp_static, vector.resp_ephemeral, vector.resp_remote_static, vector.resp_psks];
  return new NoiseHandshake({
    protocolName: vector.protocol_name,
    role,
    prologue: hex(prologue),
    ...(staticKey === undefined ? {} : { staticKey: hex(staticKey) }),
    ...(ephemeralKey === undefined ? {} : { ephemeralKey: hex(ephemeralKey) }),
    ...(remoteStaticKey === undefined ? {} : { remoteStaticKey: hex(remoteStaticKey) }),
    psks: (psks ?? []).map(hex),
    primitives,
  });
}

test('there are 118 vectors', () => expect(vectors).toHaveLength(118));

test.each([
  [nodePrimitives, nodePrimitives],
  [noblePrimitives, noblePrimitives],
  [nodePrimitives, noblePrimitives],
  [noblePrimitives, nodePrimitives],
])('all handshakes, initiator on $name', (initiatorPrimitives, responderPrimitives) => {
  for (const vector of vectors) {
    const [initiator, responder] = [side(vector, 'initiator', initiatorPrimitives), side(vector, 'responder', responderPrimitives)];
    const label = vector.protocol_name;
    const oneWay = /^Noise_[NKX](psk\d)?_/.test(label);
    const transport: { payload: string; ciphertext: string; initiatorSends: boolean }[] = [];
    vector.messages.forEach(({ payload, ciphertext }, index) => {
      const initiatorSends = oneWay || index % 2 === 0;
      if (initiator.complete) return void transport.push({ payload, ciphertext, initiatorSends });
      const [writer, reader] = initiatorSends ? [initiator, responder] : [responder, initiator];
      expect([label, index, Buffer.from(writer.writeMessage(hex(payload))).toString('hex')]).toEqual([label, index, ciphertext]);
      expect([label, index, Buffer.from(reader.readMessage(hex(ciphertext))).toString('hex')]).toEqual([label, index, payload]);
    });
    expect([initiator.complete, responder.complete]).toEqual([true, true]);
    expect([label, Buffer.from(initiator.handshakeHash).toString('hex')]).toEqual([label, vector.handshake_hash]);
    expect([label, Buffer.from(responder.handshakeHash).toString('hex')]).toEqual([label, vector.handshake_hash]);
    const [initiatorCiphers, responderCiphers] = [initiator.split(), responder.split()];
    for (const { payload, ciphertext, initiatorSends } of transport) {
      const [sender, receiver] = initiatorSends
        ? [initiatorCiphers.send, responderCiphers.receive]
        : [responderCiphers.send, initiatorCiphers.receive];
      expect([label, Buffer.from(sender.encrypt(EMPTY, hex(payload))).toString('hex')]).toEqual([label, ciphertext]);
      expect([label, Buffer.from(receiver.decrypt(EMPTY, hex(ciphertext))).toString('hex')]).toEqual([label, payload]);
    }
    expect(transport.length).toBeGreaterThan(0);
  }
});
