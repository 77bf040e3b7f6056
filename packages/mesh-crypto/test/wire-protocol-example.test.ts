import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { deriveEpoch } from '../src/channel/key-schedule.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';

const page = readFileSync(new URL('../../../docs/wire-protocol.md', import.meta.url), 'utf8');

/** The bytes that docs/wire-protocol.md, section 9, has under the line that begins so. */
function under(line: string): Buffer {
  const [, hex] = new RegExp(`^${line}[^\\n]*\\n  ([0-9a-f]+)$`, 'm').exec(page) ?? [];
  if (hex === undefined) throw new Error(`docs/wire-protocol.md has nothing under '${line}'`);
  return Buffer.from(hex, 'hex');
}

const privateKey = (from: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => from + index);

test.each([['node', nodePrimitives], ['noble', noblePrimitives]] as const)("the rekey in docs/wire-protocol.md is what %s's primitives make of it", (_, primitives) => {
  const initiator = primitives.importKeyPair(privateKey(0x80));
  const responder = primitives.importKeyPair(privateKey(0xa0));
  const [init, resp] = [under('INIT,'), under('RESP,')];
  expect(init).toEqual(Buffer.concat([Buffer.from('0200000001', 'hex'), initiator.publicKey]));
  expect(resp).toEqual(Buffer.concat([Buffer.from('0300000001', 'hex'), responder.publicKey]));
  const sharedSecret = initiator.dh(responder.publicKey);
  expect(sharedSecret).toEqual(under('X25519 of the two'));

  const transcript = { handshakeHash: under('final handshake hash'), epoch: 1, initiatorKey: initiator.publicKey, responderKey: responder.publicKey };
  const next = deriveEpoch(primitives.hash('SHA256'), under('rk$'), sharedSecret, transcript);
  expect(next).toEqual({ rekeySecret: under('rk, epoch 1'), initiatorToResponder: under('kIR, epoch 1'), responderToInitiator: under('kRI, epoch 1') });

  const open = (key: Buffer, counter: number, record: Buffer): Buffer => {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(counter, 8);
    return primitives.aead('AESGCM').open(key, nonce, record.subarray(0, 1), record.subarray(1));
  };
  expect(open(under('kIR$'), 1, under('second record of the dialler'))).toEqual(init);
  expect(open(under('kRI$'), 2, under('third record of the acceptor'))).toEqual(resp);
  expect(open(next.initiatorToResponder, 0, under('DONE,'))).toEqual(Buffer.from([4]));
});
