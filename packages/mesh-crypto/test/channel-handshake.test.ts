import { afterAll, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type ExpectedPeer } from '@lemur-bookstores/mesh-interface';
import { InitiatorHandshake, ResponderHandshake } from '../src/channel/channel-handshake.js';
import { decodeHandshakePayload, encodeHandshakePayload, type SignedClaims } from '../src/channel/handshake-payload.js';
import { prologueOf } from '../src/channel/cipher-suites.js';
import { proveIdentity } from '../src/channel/identity-proof.js';
import { NoiseHandshake } from '../src/noise/noise-handshake.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import type { KeyPair } from '../src/primitives/primitives.js';
import { createAuthority } from './support/openssl-certificates.js';
import { accepting, channelOf, dialling, partyOf, replyOf, shakeHands } from './support/parties.js';
import { thrown, withChangedByte } from './support/vectors.js';

const authority = createAuthority('example.org');
const foreign = createAuthority('other.org');
const p256Authority = createAuthority('example.org', 'p256');
afterAll(() => [authority, foreign, p256Authority].forEach((each) => each.remove()));

const order = partyOf(authority.issue('order').material);
const payment = partyOf(authority.issue('payment').material);
const EMPTY = Buffer.alloc(0);

const noiseAs = (role: 'initiator' | 'responder', staticKey: KeyPair): NoiseHandshake =>
  new NoiseHandshake({ protocolName: 'Noise_XX_25519_AESGCM_SHA256', role, prologue: prologueOf('aesgcm'), staticKey });

const firstOf = (noise: NoiseHandshake): Buffer => Buffer.concat([Uint8Array.of(1, 1), noise.writeMessage(EMPTY)]);

/** What an initiator about to write message 3 has to sign. */
const claimsOf = (noise: NoiseHandshake, staticKey: Uint8Array, peerId: string): Omit<SignedClaims, 'ownId'> => ({
  role: 'initiator',
  handshakeHash: noise.handshakeHash,
  staticKey,
  peerId,
});

/** Refused for good: the reason, a code that says "not authenticated", and nothing works afterwards. */
function expectRefusal(handshake: InitiatorHandshake | ResponderHandshake, message: Uint8Array, reason: string | RegExp): void {
  const error = thrown(() => handshake.receive(message));
  expect(MeshError.is(error)).toBe(true);
  expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason: expect.stringMatching(reason) });
  expect(thrown(() => handshake.receive(message))).toMatchObject({ reason: 'handshake_invalid' });
}

/** An initiator who has sent message 1, a responder who has answered it, and the answer. */
function atMessage2(responderParty = payment, expected: ExpectedPeer = { serviceId: 'payment' }): {
  initiator: InitiatorHandshake; responder: ResponderHandshake; second: Uint8Array;
} {
  const initiator = new InitiatorHandshake({ ...order, suite: 'aesgcm', expected });
  const responder = accepting(responderParty);
  return { initiator, responder, second: replyOf(responder.receive(initiator.start())) };
}

function atMessage3(): { responder: ResponderHandshake; third: Uint8Array } {
  const { initiator, responder, second } = atMessage2();
  return { responder, third: replyOf(initiator.receive(second)) };
}

describe('a handshake', () => {
  test.each(['aesgcm', 'chachapoly'] as const)('%s: both ends know each other and share a session', (suite) => {
    const { initiator, responder, messages } = shakeHands(dialling(order, 'payment', suite), accepting(payment));
    const peer = { id: 'spiffe://example.org/payment', serviceId: 'payment', trustDomain: 'example.org' };
    expect(initiator).toMatchObject({ role: 'initiator', suite, epoch: 0, peer });
    expect(responder).toMatchObject({ role: 'responder', suite, epoch: 0, peer: { id: 'spiffe://example.org/order', serviceId: 'order' } });
    expect(initiator.handshakeHash).toHaveLength(32);
    expect(responder.handshakeHash).toEqual(initiator.handshakeHash);
    expect([...messages[0].subarray(0, 2)]).toEqual([1, suite === 'aesgcm' ? 1 : 2]);
    expect(messages[0]).toHaveLength(34);
    expect(responder.open(initiator.seal(0, [Buffer.from('to')])).toString()).toBe('to');
    expect(initiator.open(responder.seal(0, [Buffer.from('fro')])).toString()).toBe('fro');
  });

  test('certificates of P-256, and of one key type signed by the other', () => {
    const p256 = partyOf(p256Authority.issue('p', 'p256').material);
    const mixed = partyOf(p256Authority.issue('m', 'ed25519').material);
    const { initiator, responder } = shakeHands(dialling(p256, 'm'), accepting(mixed));
    expect([initiator.peer.serviceId, responder.peer.serviceId]).toEqual(['m', 'p']);
  });

  test('node with noble, either way round', () => {
    const noble = partyOf(payment.identity, { primitives: noblePrimitives, staticKey: noblePrimitives.generateKeyPair() });
    const first = shakeHands(dialling(order, 'payment'), accepting(noble));
    const second = shakeHands(dialling(noble, 'order', 'chachapoly'), accepting(order));
    for (const { initiator, responder } of [first, second]) {
      expect(responder.open(initiator.seal(0x10, [Buffer.from('hello')])).toString()).toBe('hello');
    }
  });

  test('replicas may share an id: only an own static key is a reflection', () => {
    const replica = partyOf(order.identity);
    expect(shakeHands(dialling(order, 'order'), accepting(replica)).initiator.peer.id).toBe('spiffe://example.org/order');
  });

  test('no two sessions share a hash, and certificates are not in the clear', () => {
    const sessions = [0, 1].map(() => shakeHands(dialling(order, 'payment'), accepting(payment)));
    expect(sessions[0]!.initiator.handshakeHash).not.toEqual(sessions[1]!.initiator.handshakeHash);
    for (const message of sessions[0]!.messages) expect(Buffer.from(message).includes('spiffe://')).toBe(false);
  });

  test('destroying the handshake afterwards leaves the channel alone', () => {
    const { initiator, responder, second } = atMessage2();
    const step = initiator.receive(second);
    initiator.destroy();
    const channel = channelOf(responder.receive(replyOf(step)));
    expect(channel.open(channelOf(step).seal(0, [Buffer.from('x')])).toString()).toBe('x');
  });
});

describe('messages that are altered', () => {
  test('message 1: any byte', () => {
    const first = dialling(order, 'payment').start();
    for (let position = 0; position < first.length; position++) {
      const initiator = dialling(order, 'payment');
      const responder = accepting(payment);
      const changed = withChangedByte(initiator.start(), position);
      if (position === 0) {
        expectRefusal(responder, changed, /^unsupported_protocol$/);
        continue;
      }
      // The rest is in the clear: the responder answers, and the initiator finds out.
      const answer = ((): Uint8Array | undefined => {
        try {
          return replyOf(responder.receive(changed));
        } catch (error) {
          expect(error).toMatchObject({ reason: expect.stringMatching(/^(unsupported_protocol|handshake_invalid)$/) });
          return undefined;
        }
      })();
      // The top bit of an X25519 key carries no information, but the hash covers it.
      if (answer !== undefined) expectRefusal(initiator, answer, /^handshake_invalid$/);
    }
  });

  test('message 2: any byte', () => {
    const { length } = atMessage2().second;
    for (let position = 0; position < length; position++) {
      const { initiator, second } = atMessage2();
      expectRefusal(initiator, withChangedByte(second, position), /^handshake_invalid$/);
    }
  });

  test('message 3: any byte', () => {
    const { length } = atMessage3().third;
    for (let position = 0; position < length; position++) {
      const { responder, third } = atMessage3();
      expectRefusal(responder, withChangedByte(third, position), /^handshake_invalid$/);
    }
  });

  test('cut anywhere, or extended', () => {
    const first = dialling(order, 'payment').start();
    for (let length = 0; length < first.length; length++) {
      expectRefusal(accepting(payment), first.subarray(0, length), /^(handshake_invalid|unsupported_protocol)$/);
    }
    expectRefusal(accepting(payment), Buffer.concat([first, Buffer.from('x')]), /^handshake_invalid$/);
    const { length } = atMessage2().second;
    for (const cut of [0, 1, 31, 32, 79, 80, 96, length - 17, length - 1]) {
      const { initiator, second } = atMessage2();
      expectRefusal(initiator, second.subarray(0, cut), /^handshake_invalid$/);
      const { responder, third } = atMessage3();
      expectRefusal(responder, third.subarray(0, Math.min(cut, third.length - 1)), /^handshake_invalid$/);
    }
    const { initiator, second } = atMessage2();
    expectRefusal(initiator, Buffer.concat([second, Buffer.alloc(1)]), /^handshake_invalid$/);
    const { responder, third } = atMessage3();
    expectRefusal(responder, Buffer.concat([third, Buffer.alloc(1)]), /^handshake_invalid$/);
  });

  test('over 16 KiB: refused before any work, however genuine', () => {
    const responder = accepting(payment);
    const noise = noiseAs('initiator', order.staticKey);
    noise.readMessage(replyOf(responder.receive(firstOf(noise))));
    const message = noise.writeMessage(Buffer.alloc(16 * 1024 + 1));
    expect(thrown(() => responder.receive(message))).toMatchObject({ reason: 'handshake_invalid', text: `a message of ${message.length} bytes` });
    expectRefusal(atMessage2().initiator, Buffer.alloc(16 * 1024 + 1), /^handshake_invalid$/);
  });

});

describe('fuzzing', () => {
  /** Deterministic, so that a finding can be found again. */
  const randomFrom = (seed: number): ((below: number) => number) => (below) => (seed = (seed * 48271) % 2147483647) % below;
  const mutate = (message: Uint8Array, random: (below: number) => number): Buffer => {
    const bytes = Buffer.from(message);
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const position = random(bytes.length);
      bytes[position] = bytes.readUInt8(position) ^ (1 + random(255));
    }
    const [from, to] = [random(bytes.length), random(bytes.length)].sort((left, right) => left - right) as [number, number];
    switch (random(4)) {
      case 0:
        return bytes.subarray(0, to);
      case 1:
        return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
      default:
        return bytes;
    }
  };
  /** No channel, and nothing but a MeshError that blames the peer. Tells how far the message came. */
  const outcome = (handshake: InitiatorHandshake | ResponderHandshake, message: Uint8Array): string => {
    try {
      return handshake.receive(message).channel === undefined ? 'answered' : 'channel';
    } catch (error) {
      if (!MeshError.is(error) || error.code !== 'UNAUTHENTICATED') throw error;
      return error.reason;
    }
  };

  test('1,000 mutated messages: never a channel', () => {
    const random = randomFrom(1);
    for (let round = 0; round < 1000; round++) {
      if (round % 2 === 0) {
        const { initiator, second } = atMessage2();
        expect(outcome(initiator, mutate(second, random))).toBe('handshake_invalid');
      } else {
        const initiator = dialling(order, 'payment');
        const responder = accepting(payment);
        const step = outcome(responder, mutate(initiator.start(), random));
        expect(step).toMatch(/^(answered|unsupported_protocol|handshake_invalid)$/);
        if (step === 'answered') expect(outcome(responder, Buffer.alloc(random(600), random(256)))).toBe('handshake_invalid');
      }
    }
  });

  test('1,000 mutated payloads in genuine encryption: never a channel, all stopped by decoder, certificate or signature', () => {
    const random = randomFrom(2);
    const seen = new Set<string>();
    for (let round = 0; round < 1000; round++) {
      const responder = accepting(payment);
      const noise = noiseAs('initiator', order.staticKey);
      noise.readMessage(replyOf(responder.receive(firstOf(noise))));
      const claims = claimsOf(noise, order.staticKey.publicKey, payment.identity.id);
      const payload = proveIdentity(order.identity, claims);
      const reason = outcome(responder, noise.writeMessage(round === 0 ? payload : mutate(payload, random)));
      expect(reason === 'channel').toBe(round === 0);
      seen.add(reason);
    }
    for (const reason of ['handshake_invalid', 'certificate_invalid', 'signature_invalid']) expect(seen).toContain(reason);
  });
});

describe('messages that are genuine, but not for here', () => {
  test.each([
    ['an older version', 0, 0, 'unsupported_protocol'],
    ['a newer version', 0, 2, 'unsupported_protocol'],
    ['no suite', 1, 0, 'unsupported_protocol'],
    ['an unknown suite', 1, 3, 'unsupported_protocol'],
  ])('%s', (_what, position, value, reason) => {
    const first = Buffer.from(dialling(order, 'payment').start());
    first[position] = value;
    expectRefusal(accepting(payment), first, new RegExp(`^${reason}$`));
  });

  test('the suite changed on the way: the initiator refuses the answer', () => {
    for (const [suite, other] of [['aesgcm', 2], ['chachapoly', 1]] as const) {
      const initiator = dialling(order, 'payment', suite);
      const first = Buffer.from(initiator.start());
      first[1] = other;
      expectRefusal(initiator, replyOf(accepting(payment).receive(first)), /^handshake_invalid$/);
    }
  });

  test('the own messages sent back', () => {
    const initiator = dialling(order, 'payment');
    expectRefusal(initiator, initiator.start(), /^handshake_invalid$/);
    const { responder, second } = atMessage2();
    expectRefusal(responder, second, /^handshake_invalid$/);
  });

  test('reflected: the own static key comes back, at either end', () => {
    const mirror = accepting(order);
    const initiator = dialling(order, 'order');
    expectRefusal(initiator, replyOf(mirror.receive(initiator.start())), /^reflected_handshake$/);
    // An initiator that does not look (a replica with a copied static key): the responder does.
    const responder = accepting(order);
    const noise = noiseAs('initiator', order.staticKey);
    noise.readMessage(replyOf(responder.receive(firstOf(noise))));
    const claims = claimsOf(noise, order.staticKey.publicKey, order.identity.id);
    expectRefusal(responder, noise.writeMessage(proveIdentity(order.identity, claims)), /^reflected_handshake$/);
  });

  test('two sessions spliced: message 2 and message 3 of another one', () => {
    const [first, second] = [atMessage2(), atMessage2()];
    expectRefusal(first.initiator, second.second, /^handshake_invalid$/);
    const other = replyOf(second.initiator.receive(second.second));
    expectRefusal(first.responder, other, /^handshake_invalid$/);
  });

  test('out of turn and once too often', () => {
    const initiator = dialling(order, 'payment');
    expect(thrown(() => initiator.receive(EMPTY))).toMatchObject({ reason: 'handshake_invalid' });
    const started = dialling(order, 'payment');
    started.start();
    expect(thrown(() => started.start())).toMatchObject({ reason: 'handshake_invalid' });
    const responder = accepting(payment);
    expect(responder.start()).toBeUndefined();
    const first = dialling(order, 'payment').start();
    responder.receive(first);
    expectRefusal(responder, first, /^handshake_invalid$/);
    const done = atMessage3();
    done.responder.receive(done.third);
    expect(thrown(() => done.responder.receive(done.third))).toMatchObject({ reason: 'handshake_invalid' });
    const gone = dialling(order, 'payment');
    gone.destroy();
    expect(thrown(() => gone.start())).toMatchObject({ reason: 'handshake_invalid' });
  });
});

describe('who the peer is', () => {
  test('another service than the one that was dialled, found before message 3', () => {
    const { initiator, second } = atMessage2(payment, { serviceId: 'billing' });
    expectRefusal(initiator, second, /^peer_mismatch$/);
  });

  test('the exact SPIFFE id can be given', () => {
    const nested = partyOf(authority.issue('ns/shop/payment').material);
    const spiffeId = 'spiffe://example.org/ns/shop/payment';
    const { initiator, second } = atMessage2(nested, { serviceId: 'payment', spiffeId });
    expect(channelOf(initiator.receive(second)).peer.id).toBe(spiffeId);
    expectRefusal(atMessage2(nested).initiator, atMessage2(nested).second, /^handshake_invalid$/);
    const wrong = atMessage2(nested);
    expectRefusal(wrong.initiator, wrong.second, /^peer_mismatch$/);
  });

  test('a foreign trust domain, at either end; one that only claims ours', () => {
    const stranger = partyOf(foreign.issue('payment').material);
    const { initiator, second } = atMessage2(stranger);
    expectRefusal(initiator, second, /^peer_untrusted$/);
    const disguise = { ...stranger.identity, trustDomain: 'example.org', trustBundle: [authority.certificate] };
    const dialler = dialling(partyOf(disguise), 'payment');
    const responder = accepting(payment);
    expectRefusal(responder, replyOf(dialler.receive(replyOf(responder.receive(dialler.start())))), /^peer_untrusted$/);
    const claimant = atMessage2(partyOf(p256Authority.issue('payment').material));
    expectRefusal(claimant.initiator, claimant.second, /^(peer_untrusted|certificate_invalid)$/);
  });

  test('expired and not yet valid certificates, by the clock that was given', () => {
    for (const [days, reason] of [[3, /^certificate_expired$/], [-1, /^certificate_not_yet_valid$/]] as const) {
      const initiator = dialling({ ...order, clock: new FakeClock(Date.now() + days * 86_400_000) }, 'payment');
      expectRefusal(initiator, replyOf(accepting(payment).receive(initiator.start())), reason);
    }
  });

  test('pins, in both directions', () => {
    const { initiator: seen, responder: caller } = shakeHands(dialling(order, 'payment'), accepting(payment));
    const wrong = 'A'.repeat(43);
    const right = atMessage2(payment, { serviceId: 'payment', pins: [wrong, seen.peer.publicKey] });
    expect(channelOf(right.initiator.receive(right.second)).peer.id).toBe(seen.peer.id);
    const mismatch = atMessage2(payment, { serviceId: 'payment', pins: [wrong] });
    expectRefusal(mismatch.initiator, mismatch.second, /^pin_mismatch$/);

    const asked: string[] = [];
    const pinning = (pins: readonly string[] | undefined): ResponderHandshake =>
      new ResponderHandshake({ ...payment, pinsOf: (id) => (asked.push(id), pins) });
    expect(shakeHands(dialling(order, 'payment'), pinning([caller.peer.publicKey])).responder.peer.id).toBe(caller.peer.id);
    expect(shakeHands(dialling(order, 'payment'), pinning(undefined)).responder.peer.id).toBe(caller.peer.id);
    const initiator = dialling(order, 'payment');
    const responder = pinning([wrong]);
    expectRefusal(responder, replyOf(initiator.receive(replyOf(responder.receive(initiator.start())))), /^pin_mismatch$/);
    expect(asked).toEqual([caller.peer.id, caller.peer.id, caller.peer.id]);
  });

  test('a certificate whose key did not sign this handshake', () => {
    // The impostor has payment's chain, but another key; and payment's real signature over another session.
    const impostor = partyOf({ ...payment.identity, privateKey: order.identity.privateKey });
    const { initiator, second } = atMessage2(impostor);
    expectRefusal(initiator, second, /^signature_invalid$/);
  });

  test.each(['role', 'staticKey', 'handshakeHash', 'peerId', 'ownId'] as const)('a signature that does not cover %s', (field) => {
    const responder = accepting(payment);
    const staticKey = nodePrimitives.generateKeyPair();
    const noise = noiseAs('initiator', staticKey);
    noise.readMessage(replyOf(responder.receive(firstOf(noise))));
    const wrong = { role: 'responder', staticKey: order.staticKey.publicKey, handshakeHash: Buffer.alloc(32), peerId: '' } as const;
    const right = claimsOf(noise, staticKey.publicKey, payment.identity.id);
    const identity = field === 'ownId' ? { ...order.identity, id: 'spiffe://example.org/admin' } : order.identity;
    const claims = field === 'ownId' ? right : { ...right, [field]: wrong[field] };
    expectRefusal(responder, noise.writeMessage(proveIdentity(identity, claims)), /^signature_invalid$/);
  });

  test('a genuine payload of another session, under the own static key', () => {
    // Whoever gets one payload of a peer cannot use it again: the signature covers h.
    const seen = accepting(payment);
    const spy = noiseAs('initiator', order.staticKey);
    const stolen = decodeHandshakePayload(spy.readMessage(replyOf(seen.receive(firstOf(spy)))));
    const initiator = dialling(order, 'payment');
    const noise = noiseAs('responder', payment.staticKey);
    noise.readMessage(initiator.start().subarray(2));
    expectRefusal(initiator, noise.writeMessage(encodeHandshakePayload(stolen)), /^signature_invalid$/);
  });
});
