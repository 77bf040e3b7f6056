import type { KeyObject } from 'node:crypto';
import { MeshError, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import { assertLeafProfile, leafSpiffeId } from './certificate-profile.js';
import { parseCertificate, type Certificate } from './certificate.js';
import { verifyPath } from './certification-path.js';
import { matchesPins } from './pins.js';
import { SignatureCache } from './signature-cache.js';

/** Certificates a peer may send: a leaf, intermediates, perhaps the root. */
export const MAX_CHAIN_CERTIFICATES = 5;

/** Clocks may be apart by this much, in ms (PROTOCOL 5). */
export const DEFAULT_SKEW_MS = 60_000;

/** Name of a local trust domain: 16 hex digits of its CA's key (PROTOCOL 6.2). */
const LOCAL_TRUST_DOMAIN = /^local-[0-9a-f]{16}$/;

/** What a peer's certificates are checked against. */
export interface VerifyPeerOptions {
  /** DER certificates of the CAs that vouch for the own trust domain, and for no other (PROTOCOL 6.1). Their bytes must not change. */
  readonly trustBundle: readonly Uint8Array[];
  /** The own trust domain. */
  readonly trustDomain: string;
  /** The exact SPIFFE id of the peer that was dialled. Absent for one that dialled in. */
  readonly expectedId?: string;
  /** Base64url SHA-256 of an SPKI of the verified path; any of them satisfies, an empty list nothing. */
  readonly pins?: readonly string[];
  /** ms since 1970. */
  readonly now: number;
  /** How far the clocks may be apart, in ms. Default 60,000. */
  readonly skewMs?: number;
  /** Whether the own trust domain is the local one; for the message only. Default: by its name. */
  readonly ownIsLocal?: boolean;
}

/** A peer whose certificates hold. That it owns the leaf's key, its signature in the handshake shows. */
export interface VerifiedPeer {
  readonly identity: PeerIdentity;
  readonly leafKey: KeyObject;
}

const signatures = new SignatureCache();

/** The bundle's CAs, read once: 64 of them would cost every stranger's handshake 2 ms. Never a peer's certificates. */
const anchors = new WeakMap<Uint8Array, Certificate>();

/**
 * Decides whether a chain proves a peer of the own trust domain: X.509 path validation (RFC 5280 6.1), the rules of SPIFFE's
 * X509-SVID 5, the expected id, the pins. Node validates paths in TLS only.
 * @param chain DER certificates, leaf first
 * @throws MeshError `peer_untrusted` (foreign trust domain, no CA of ours), `peer_mismatch` (proven, but not who was dialled),
 *   `certificate_expired`, `certificate_not_yet_valid`, `certificate_invalid`, `pin_mismatch`
 */
export function verifyPeer(chain: readonly Uint8Array[], options: VerifyPeerOptions): VerifiedPeer {
  if (chain.length > MAX_CHAIN_CERTIFICATES) throw new MeshError('certificate_invalid', `more than ${MAX_CHAIN_CERTIFICATES} certificates`);
  const certificates = chain.map(parseCertificate);
  const [leaf] = certificates;
  if (leaf === undefined) throw new MeshError('certificate_invalid', 'the peer sent no certificate');
  const { id, trustDomain, path } = leafSpiffeId(leaf);
  if (trustDomain !== options.trustDomain) throw foreignTrustDomain(trustDomain, options);
  assertLeafProfile(leaf);
  const verified = verifyPath(certificates, {
    anchors: options.trustBundle.map(anchorOf),
    trustDomain,
    now: options.now,
    skewMs: options.skewMs ?? DEFAULT_SKEW_MS,
    signatures,
  });
  if (options.expectedId !== undefined && id !== options.expectedId) {
    throw new MeshError('peer_mismatch', `${options.expectedId} was dialled, ${id} answered`);
  }
  if (options.pins !== undefined && !matchesPins(options.pins, verified.map(({ pin }) => pin))) {
    throw new MeshError('pin_mismatch', `no pin of ${id} names a key of its certificates`);
  }
  return {
    identity: { id, trustDomain, serviceId: path.slice(1), publicKey: leaf.pin, notAfter: leaf.notAfter },
    leafKey: leaf.publicKey,
  };
}

function anchorOf(der: Uint8Array): Certificate {
  const known = anchors.get(der);
  if (known !== undefined) return known;
  const anchor = parseCertificate(der);
  anchors.set(der, anchor);
  return anchor;
}

/** The text of PROTOCOL 6.3. Both domains passed the SPIFFE grammar: they are safe to show. */
function foreignTrustDomain(peer: string, { trustDomain: own, ownIsLocal = LOCAL_TRUST_DOMAIN.test(own) }: VerifyPeerOptions): MeshError {
  const peerIsLocal = LOCAL_TRUST_DOMAIN.test(peer);
  const advice =
    ownIsLocal || peerIsLocal ? 'share keysDir or set identity (secure-stack-mesh ca init)' : 'caFile vouches for the own trust domain only';
  return new MeshError('peer_untrusted', `the peer's trust domain is ${shorten(peer, peerIsLocal)}, ours ${shorten(own, ownIsLocal)}: ${advice}`);
}

const shorten = (trustDomain: string, isLocal: boolean): string => (isLocal ? `${trustDomain.slice(0, 'local-ab12'.length)}…` : trustDomain);
