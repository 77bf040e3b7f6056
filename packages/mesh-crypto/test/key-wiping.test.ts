import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { InitiatorHandshake, ResponderHandshake } from '../src/channel/channel-handshake.js';
import { NoiseChannel } from '../src/channel/noise-channel.js';
import { NoiseHandshake, type HandshakeKeys } from '../src/noise/noise-handshake.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { allocateSecret } from '../src/primitives/secret-memory.js';
import type { CryptoPrimitives } from '../src/primitives/primitives.js';
import { StaticKeys } from '../src/static-keys.js';
import { countInMemory, masked } from './support/memory-scan.js';
import { createAuthority } from './support/openssl-certificates.js';
import { partyOf, shakeHands } from './support/parties.js';
import { deliver, endsOf, settle, type Ends } from './support/rekeying-ends.js';

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

/** As they are once the collector has been everywhere: what finalises a key of OpenSSL's runs some turns after the collection, on a busy machine. */
async function leftInMemory(secrets: readonly Uint8Array[]): Promise<number[]> {
  let counts: number[] = [];
  for (let round = 0; round < 20; round++) {
    await collect();
    counts = countInMemory(secrets);
    if (counts.every((count) => count === 0)) break;
  }
  return counts;
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
  expect(await leftInMemory(secrets)).toEqual([0, 0, 0]);
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
  expect(await leftInMemory(secrets)).toEqual([0, 0, 0]);
});

/** Node's primitives; notes, masked, every secret of a rekey: fresh private keys, shared secrets, HKDF's key and its blocks. */
function watchedPrimitives(seen: Uint8Array[]): CryptoPrimitives {
  const hash = nodePrimitives.hash('SHA256');
  return {
    ...nodePrimitives,
    generateKeyPair: () => {
      const raw = randomFillSync(allocateSecret(32));
      const pair = nodePrimitives.importKeyPair(raw);
      seen.push(masked(raw));
      raw.fill(0);
      const dh = (theirs: Uint8Array): Buffer => {
        const shared = pair.dh(theirs);
        seen.push(masked(shared));
        return shared;
      };
      return { publicKey: pair.publicKey, dh, destroy: () => pair.destroy() };
    },
    hash: () => ({
      name: hash.name,
      outputBytes: hash.outputBytes,
      digest: (...parts) => hash.digest(...parts),
      hmac: (key, ...parts) => {
        const mac = hash.hmac(key, ...parts);
        seen.push(masked(mac));
        return mac;
      },
    }),
  };
}

onLinux.each([false, true])('after a rotation of the static key and a collection the old one is nowhere in the process; compromised: %s', async (compromised) => {
  const seen: Uint8Array[] = [];
  const clock = new FakeClock();
  const keys = new StaticKeys(watchedPrimitives(seen), clock);
  const [ended, forgotten] = [keys.use(), keys.use()];
  const next = keys.make();
  const unwanted = keys.make();
  // Only the private keys: what a handshake makes of them is wiped there.
  const [old, present, discarded] = seen as [Uint8Array, Uint8Array, Uint8Array];
  await collect();
  for (const count of countInMemory([old, present, discarded])) expect(count).toBeGreaterThanOrEqual(1);
  unwanted.discard();
  keys.take(next, compromised);
  ended.end();
  if (!compromised) {
    await collect();
    expect(countInMemory([old])[0]).toBeGreaterThanOrEqual(1);
    await clock.advance(10_000);
  }
  expect(await leftInMemory([old, discarded])).toEqual([0, 0]);
  expect(countInMemory([present])[0]).toBeGreaterThanOrEqual(1);
  expect([forgotten.revoked, keys.state.keyId]).toEqual([compromised, next.keyId]);
});

/** The keys that a session has now: its last three blocks of HKDF are rk, kIR and kRI. */
const PRESENT = 3;

onLinux.each(['aesgcm', 'chachapoly'] as const)('%s: after rekeys and a collection only the present keys are left in the process', async (suite) => {
  const seen: Uint8Array[] = [];
  const ends = endsOf({ suite, primitives: [watchedPrimitives(seen), nodePrimitives] });
  const { dialler, acceptor } = ends;
  const first = [dialler.keys.send, dialler.keys.receive, dialler.keys.rekeySecret];
  for (let epoch = 1; epoch <= 5; epoch++) {
    (epoch % 2 === 0 ? dialler : acceptor).rekeying.rekey('manual');
    for (let index = 0; index < 20; index++) {
      dialler.send('to');
      acceptor.send('fro');
      deliver(dialler, acceptor, 1);
      deliver(acceptor, dialler, 1);
    }
    settle(ends);
  }
  expect(dialler.channel.epoch).toBe(5);
  for (const key of first) expect(key.equals(Buffer.alloc(32))).toBe(true);
  // A rekey gives six: private key, shared secret, HKDF's key, three blocks.
  expect(seen).toHaveLength(5 * 6);
  expect(await leftInMemory(seen.slice(0, -PRESENT))).toEqual(new Array(seen.length - PRESENT).fill(0));
  // The scan finds what is there: the present keys at either end.
  for (const count of countInMemory(seen.slice(-PRESENT))) expect(count).toBeGreaterThanOrEqual(2);
  for (const end of [dialler, acceptor]) end.channel.destroy();
  expect(await leftInMemory(seen)).toEqual(new Array(seen.length).fill(0));
});

onLinux('a session that ends in the middle of a rekey leaves nothing, whatever step it had come to', async () => {
  const steps: ((ends: Ends) => void)[] = [
    () => undefined,
    ({ dialler }) => void dialler.rekeying.rekey('manual'),
    ({ dialler, acceptor }) => deliver(dialler, acceptor),
    ({ dialler, acceptor }) => deliver(acceptor, dialler),
    ({ dialler, acceptor }) => deliver(dialler, acceptor),
  ];
  const seen: Uint8Array[] = [];
  // Held on to: memory that is freed would be overwritten by others.
  const kept: Ends[] = [];
  for (let last = 0; last < steps.length; last++) {
    const ends = endsOf({ primitives: [watchedPrimitives(seen), watchedPrimitives(seen)] });
    kept.push(ends);
    ends.dialler.rekeying.rekey('manual');
    settle(ends);
    for (const step of steps.slice(0, last + 1)) step(ends);
    for (const end of [ends.dialler, ends.acceptor]) end.channel.destroy();
  }
  expect(seen.length).toBeGreaterThan(60);
  expect(await leftInMemory(seen)).toEqual(new Array(seen.length).fill(0));
  expect(kept).toHaveLength(steps.length);
});
