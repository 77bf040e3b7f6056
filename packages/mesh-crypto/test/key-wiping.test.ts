import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, test } from '@jest/globals';
import { InitiatorHandshake, ResponderHandshake } from '../src/channel/channel-handshake.js';
import { NoiseChannel } from '../src/channel/noise-channel.js';
import { NoiseHandshake, type HandshakeKeys } from '../src/noise/noise-handshake.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { allocateSecret } from '../src/primitives/secret-memory.js';
import { countInMemory, masked } from './support/memory-scan.js';
import { createAuthority } from './support/openssl-certificates.js';
import { partyOf, shakeHands } from './support/parties.js';

const onLinux = existsSync('/proc/self/mem') ? test : test.skip;
const authority = createAuthority('example.org');
afterAll(() => authority.remove());

async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

onLinux('after destroy() and a collection no key of a channel is left anywhere in the process (PROTOCOL 4)', async () => {
  const [order, payment] = [partyOf(authority.issue('order').material), partyOf(authority.issue('payment').material)];
  const secrets: Uint8Array[] = [];
  // Notes the keys of the initiator on their way from the handshake to the channel.
  const split = NoiseHandshake.prototype.splitKeys;
  NoiseHandshake.prototype.splitKeys = function (this: NoiseHandshake): HandshakeKeys {
    const keys = split.call(this);
    if (this.role === 'initiator') secrets.push(masked(keys.send), masked(keys.receive), masked(keys.rekeySecret));
    return keys;
  };
  let session;
  try {
    const expected = { serviceId: 'payment' };
    session = shakeHands(new InitiatorHandshake({ ...order, suite: 'aesgcm', expected }), new ResponderHandshake(payment));
  } finally {
    NoiseHandshake.prototype.splitKeys = split;
  }
  const { initiator, responder } = session;
  for (let round = 0; round < 200; round++) {
    responder.open(initiator.seal(0, [Buffer.from('to')]));
    initiator.open(responder.seal(0, [Buffer.from('fro')]));
  }
  await collect();
  // The scan finds what is there: each key once at either end.
  for (const count of countInMemory(secrets)) expect(count).toBeGreaterThanOrEqual(2);
  initiator.destroy();
  responder.destroy();
  await collect();
  expect(countInMemory(secrets)).toEqual([0, 0, 0]);
});

onLinux('secret memory leaves no copy behind when the collector runs', async () => {
  const secrets = Array.from({ length: 5000 }, () => allocateSecret(32));
  const pattern = masked(randomFillSync(secrets[0]!));
  for (const secret of secrets) secret.set(secrets[0]!);
  await collect();
  for (const secret of secrets) secret.fill(0);
  expect(countInMemory([pattern])).toEqual([0]);
  expect(secrets).toHaveLength(5000);
});

onLinux('a record that fails wipes them just so', async () => {
  const keys = [1, 2, 3].map(() => Buffer.from(new ArrayBuffer(32))) as [Buffer, Buffer, Buffer];
  for (const key of keys) randomFillSync(key);
  const secrets = keys.map(masked);
  const peer = { id: '', trustDomain: '', serviceId: '', publicKey: '', notAfter: 0 };
  const options = { role: 'initiator', suite: 'chachapoly', peer, reverify: () => undefined, handshakeHash: Buffer.alloc(32), primitives: nodePrimitives } as const;
  const channel = new NoiseChannel({ ...options, keys: { send: keys[0], receive: keys[1], rekeySecret: keys[2] } });
  channel.seal(0, [Buffer.from('x')]);
  expect(() => channel.open(Buffer.alloc(40))).toThrow();
  await collect();
  expect(countInMemory(secrets)).toEqual([0, 0, 0]);
});
