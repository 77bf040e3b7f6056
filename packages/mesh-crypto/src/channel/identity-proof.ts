import { MeshError, type Clock, type ExpectedPeer, type IdentityMaterial, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import { signWithIdentity, verifyIdentitySignature } from '../identity/identity-signature.js';
import { verifyPeer } from '../identity/trust-bundle.js';
import { decodeHandshakePayload, encodeHandshakePayload, signedText, type SignedClaims } from './handshake-payload.js';

/** Who judges a peer, and by which clock. */
export interface PeerPolicy {
  readonly identity: IdentityMaterial;
  readonly clock: Clock;
  /** How far the clocks may be apart when certificates are checked, in ms. */
  readonly skewMs: number;
  /** Whom the initiator dialled. */
  readonly expected?: ExpectedPeer;
  /** Pins for a peer that dialled in, by its SPIFFE id. */
  readonly pinsOf?: (spiffeId: string) => readonly string[] | undefined;
}

/** The payload that ties the own identity to this handshake and its static key. */
export function proveIdentity(identity: IdentityMaterial, claims: Omit<SignedClaims, 'ownId'>): Buffer {
  const signature = signWithIdentity(identity.privateKey, signedText({ ...claims, ownId: identity.id }));
  return encodeHandshakePayload({ chain: identity.chain, signature });
}

/**
 * Decides whether a peer's payload proves an identity that is welcome: chain, expected id and pins, then the signature.
 * @param claims what the peer's signature must cover; its id is taken from its certificate
 * @throws MeshError whatever `verifyPeer` finds; `handshake_invalid` for a malformed payload; `signature_invalid`
 */
export function verifyIdentity(payload: Uint8Array, claims: Omit<SignedClaims, 'ownId'>, policy: PeerPolicy): PeerIdentity {
  const { chain, signature } = decodeHandshakePayload(payload);
  const { trustBundle, trustDomain } = policy.identity;
  const trust = { trustBundle, trustDomain, now: policy.clock.now(), skewMs: policy.skewMs };
  const { expected } = policy;
  const { identity, leafKey } = verifyPeer(chain, {
    ...trust,
    ...(expected === undefined ? {} : { expectedId: expectedIdOf(expected, trustDomain) }),
    ...(expected?.pins === undefined ? {} : { pins: expected.pins }),
  });
  // Who dialled in is known only now: its pins need a second look at the chain (PROTOCOL 6.5).
  const pins = policy.pinsOf?.(identity.id);
  if (pins !== undefined) verifyPeer(chain, { ...trust, pins });
  if (!verifyIdentitySignature(leafKey, signedText({ ...claims, ownId: identity.id }), signature)) {
    throw new MeshError('signature_invalid', `the signature of ${identity.id} does not cover this handshake`);
  }
  return identity;
}

/** The SPIFFE id to expect (PROTOCOL 6.1). */
function expectedIdOf(expected: ExpectedPeer, trustDomain: string): string {
  return expected.spiffeId ?? `spiffe://${trustDomain}/${expected.serviceId}`;
}
