import {
  systemClock,
  type CipherSuite,
  type HandshakeStep,
  type IdentityMaterial,
  type SecureChannel,
} from '@lemur-bookstores/mesh-interface';
import { InitiatorHandshake, ResponderHandshake, type ChannelHandshakeOptions } from '../../src/channel/channel-handshake.js';
import { nodePrimitives } from '../../src/primitives/node-primitives.js';

/** What a service brings to its handshakes. */
export type Party = ChannelHandshakeOptions;

export function partyOf(identity: IdentityMaterial, overrides: Partial<Party> = {}): Party {
  const staticKey = nodePrimitives.generateKeyPair();
  return { identity, presentIdentity: () => identity, primitives: nodePrimitives, staticKey, clock: systemClock, skewMs: 60_000, ...overrides };
}

export const dialling = (party: Party, serviceId: string, suite: CipherSuite = 'aesgcm'): InitiatorHandshake =>
  new InitiatorHandshake({ ...party, suite, expected: { serviceId } });

export const accepting = (party: Party): ResponderHandshake => new ResponderHandshake(party);

export function replyOf(step: HandshakeStep): Uint8Array {
  if (step.reply === undefined) throw new Error('no reply');
  return step.reply;
}

export function channelOf(step: HandshakeStep): SecureChannel {
  if (step.channel === undefined) throw new Error('no channel');
  return step.channel;
}

/** Both ends of a session, and the three messages that led to it. */
export interface Session {
  readonly initiator: SecureChannel;
  readonly responder: SecureChannel;
  readonly messages: readonly [Uint8Array, Uint8Array, Uint8Array];
}

export function shakeHands(initiator: InitiatorHandshake, responder: ResponderHandshake): Session {
  const first = initiator.start();
  const second = replyOf(responder.receive(first));
  const step = initiator.receive(second);
  const third = replyOf(step);
  return { initiator: channelOf(step), responder: channelOf(responder.receive(third)), messages: [first, second, third] };
}
