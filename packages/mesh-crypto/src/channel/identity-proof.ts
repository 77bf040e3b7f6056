import { MeshError, type Clock, type ExpectedPeer, type IdentityMaterial, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import { signWithIdentity, verifyIdentitySignature } from '../identity/identity-signature.js';
import { verifyPeer } from '../identity/trust-bundle.js';
import { decodeHandshakePayload, encodeHandshakePayload, signedText, type SignedClaims } from './handshake-payload.js';

/** Who judges a peer, and by which clock. */
export interface PeerPolicy {
  /** What this side proves itself with. */
  readonly identity: IdentityMaterial;
  /** The own identity of the moment: peers are judged by its trust bundle, also in handshakes that began under an older one (PROTOCOL 6.4). */
  readonly presentIdentity: () => IdentityMaterial;
  readonly clock: Clock;
  /** How far the clocks may be apart when certificates are checked, in ms. */
  readonly skewMs: number;
  /** Whom the initiator dialled. */
  readonly expected?: ExpectedPeer;
  /** Pins for a peer that dialled in, by its SPIFFE id. */
  readonly pinsOf?: (spiffeId: string) => readonly string[] | undefined;
}

/** A peer that proved itself. */
export interface ProvenPeer {
  readonly identity: PeerIdentity;
  /** What is wrong with its chain by now, if anything. */
  readonly reverify: () => MeshError | undefined;
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
export function verifyIdentity(payload: Uint8Array, claims: Omit<SignedClaims, 'ownId'>, policy: PeerPolicy): ProvenPeer {
  const { chain, signature } = decodeHandshakePayload(payload);
  const trust = presentTrust(policy);
  const { expected } = policy;
  const { identity, leafKey } = verifyPeer(chain, {
    ...trust,
    ...(expected === undefined ? {} : { expectedId: expectedIdOf(expected, trust.trustDomain) }),
    ...(expected?.pins === undefined ? {} : { pins: expected.pins }),
  });
  // Who dialled in is known only now: its pins need a second look at the chain (PROTOCOL 6.5).
  const pins = policy.pinsOf?.(identity.id);
  if (pins !== undefined) verifyPeer(chain, { ...trust, pins });
  if (!verifyIdentitySignature(leafKey, signedText({ ...claims, ownId: identity.id }), signature)) {
    throw new MeshError('signature_invalid', `the signature of ${identity.id} does not cover this handshake`);
  }
  return { identity, reverify: reverifier(chain, identity.id, pins ?? expected?.pins, policy) };
}

/** By what a chain is judged at this moment. */
function presentTrust({ presentIdentity, clock, skewMs }: Pick<PeerPolicy, 'presentIdentity' | 'clock' | 'skewMs'>) {
  const { trustBundle, trustDomain } = presentIdentity();
  return { trustBundle, trustDomain, now: clock.now(), skewMs };
}

/**
 * Judges the same chain again, whenever it is called. It lives as long as the session, so that it holds nothing of the handshake: the
 * certificates are copies, for those of the payload are views that keep all of it.
 */
function reverifier(
  sent: readonly Uint8Array[],
  expectedId: string,
  pins: readonly string[] | undefined,
  { presentIdentity, clock, skewMs }: PeerPolicy,
): () => MeshError | undefined {
  const chain = sent.map((der) => Uint8Array.from(der));
  return () => {
    try {
      verifyPeer(chain, { ...presentTrust({ presentIdentity, clock, skewMs }), expectedId, ...(pins === undefined ? {} : { pins }) });
      return undefined;
    } catch (error) {
      return MeshError.from(error, 'certificate_invalid');
    }
  };
}

/** The SPIFFE id to expect (PROTOCOL 6.1). */
function expectedIdOf(expected: ExpectedPeer, trustDomain: string): string {
  return expected.spiffeId ?? `spiffe://${trustDomain}/${expected.serviceId}`;
}
