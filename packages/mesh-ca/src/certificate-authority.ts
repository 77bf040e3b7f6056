import { createPrivateKey, createPublicKey, generateKeyPairSync, KeyObject, X509Certificate } from 'node:crypto';
import { MeshError, systemClock, type Clock } from '@lemur-bookstores/mesh-interface';
import { certificatePem, writeCaCertificate, writeLeafCertificate, type Issuer } from './certificate-writer.js';
import { IssuedIdentity } from './issued-identity.js';
import { readIssuerFields } from './issuer-certificate.js';
import { assertTrustDomain, serviceSpiffeId } from './service-spiffe-id.js';

/** Keys a CA and a service may have. */
export type KeyAlgorithm = 'ed25519' | 'p256';

/** A new CA. */
export interface CreateAuthorityOptions {
  /** E.g. `prod.example.org`: a-z, 0-9, dot, dash and underscore, at most 255. */
  readonly trustDomain: string;
  /** Life of the CA's certificate in days, 1 to 36,500. Default 3,650. */
  readonly validDays?: number;
  /** Default `ed25519`. */
  readonly algorithm?: KeyAlgorithm;
  readonly clock?: Clock;
}

/** A CA that exists. */
export interface LoadAuthorityOptions {
  /** Its certificate. A `Buffer` is not changed. */
  readonly certPem: string | Buffer;
  /** Its private key (PKCS#8, unencrypted). */
  readonly keyPem: string | Buffer;
  /** Needed where the certificate names no trust domain (`spiffe://<domain>` as URI SAN). */
  readonly trustDomain?: string;
  readonly clock?: Clock;
}

/** What to issue: `serviceId` stands for `spiffe://<trust domain>/<serviceId>`. */
export type IssueRequest = ({ readonly serviceId: string } | { readonly spiffeId: string }) & {
  /** Life of the certificate in ms, at least 60,000. Default 24 hours. Never beyond the end of the CA's own. */
  readonly ttlMs?: number;
  /** The service's public key, Ed25519 or P-256, as PEM or KeyObject. Default: a new key pair of the CA's algorithm is made. */
  readonly publicKey?: string | KeyObject;
};

/** Clocks differ: a certificate is valid from a little before it was made. */
const BACKDATE_MS = 60_000;
const DAY_MS = 86_400_000;
const DEFAULT_TTL_MS = DAY_MS;
const SHORTEST_TTL_MS = 60_000;

/**
 * A certificate authority for one trust domain: issues the certificates that services prove themselves with (SPIFFE X509-SVID).
 * Keeps its key to itself: neither JSON nor `console.log` shows it.
 */
export class CertificateAuthority {
  readonly trustDomain: string;
  /** The CA's certificate, DER. */
  readonly certificate: Buffer;
  /** ms since 1970. */
  readonly notAfter: number;
  readonly #issuer: Issuer;
  /** An intermediate goes into the chain of what it issues: peers may know its root only. */
  readonly #isRoot: boolean;
  readonly #algorithm: KeyAlgorithm;
  readonly #clock: Clock;

  private constructor(certificate: X509Certificate, issuer: Issuer, trustDomain: string, algorithm: KeyAlgorithm, clock: Clock) {
    this.trustDomain = trustDomain;
    this.certificate = certificate.raw;
    this.notAfter = Date.parse(certificate.validTo);
    this.#issuer = issuer;
    this.#isRoot = certificate.checkIssued(certificate);
    this.#algorithm = algorithm;
    this.#clock = clock;
  }

  /** Makes a CA with a new key. Keep {@link keyPem} where only the operator gets at it. @throws MeshError `invalid_option` */
  static create({ trustDomain, validDays = 3650, algorithm = 'ed25519', clock = systemClock }: CreateAuthorityOptions): CertificateAuthority {
    assertTrustDomain(trustDomain);
    if (!(validDays >= 1 && validDays <= 36_500)) throw new MeshError('invalid_option', 'validDays: 1 to 36,500');
    const { publicKey, privateKey } = newKeyPair(algorithm);
    const notBefore = clock.now() - BACKDATE_MS;
    const der = writeCaCertificate(trustDomain, publicKey, privateKey, { notBefore, notAfter: clock.now() + validDays * DAY_MS });
    return CertificateAuthority.#from(new X509Certificate(der), privateKey, trustDomain, clock);
  }

  /**
   * Takes a CA that exists, made here or by `openssl`.
   * @throws MeshError `identity_invalid` where certificate and key are damaged, no CA's, or not each other's
   */
  static load({ certPem, keyPem, trustDomain, clock = systemClock }: LoadAuthorityOptions): CertificateAuthority {
    let certificate: X509Certificate;
    let privateKey: KeyObject;
    try {
      certificate = new X509Certificate(certPem);
      privateKey = createPrivateKey(keyPem);
    } catch (cause) {
      throw new MeshError('identity_invalid', 'the CA needs a PEM certificate and its unencrypted PEM private key', { cause });
    }
    return CertificateAuthority.#from(certificate, privateKey, trustDomain, clock);
  }

  static #from(certificate: X509Certificate, privateKey: KeyObject, trustDomain: string | undefined, clock: Clock): CertificateAuthority {
    const algorithm = algorithmOf(privateKey);
    if (algorithm === undefined) throw new MeshError('identity_invalid', "the CA's key is neither Ed25519 nor ECDSA P-256");
    if (!certificate.checkPrivateKey(privateKey)) throw new MeshError('identity_invalid', "the private key is not that of the CA's certificate");
    if (!certificate.ca) throw new MeshError('identity_invalid', 'the certificate is not that of a CA');
    const { subject, subjectKeyId, uris } = readIssuerFields(certificate);
    const named = uris.length === 1 && uris[0]?.startsWith('spiffe://') === true ? uris[0].slice('spiffe://'.length) : undefined;
    if (named !== undefined && trustDomain !== undefined && named !== trustDomain) {
      throw new MeshError('identity_invalid', `the CA's certificate is for the trust domain ${named}, not ${trustDomain}`);
    }
    const domain = trustDomain ?? named;
    if (domain === undefined) throw new MeshError('invalid_option', "trustDomain: needed, since the CA's certificate names none");
    assertTrustDomain(domain);
    return new CertificateAuthority(certificate, { name: subject, keyId: subjectKeyId, privateKey }, domain, algorithm, clock);
  }

  /** The CA's certificate: the services' `caFile`. */
  get certPem(): string {
    return certificatePem(this.certificate);
  }

  /** The CA's private key, PKCS#8: for {@link load}. Secret. */
  get keyPem(): string {
    return exportKey(this.#issuer.privateKey);
  }

  /**
   * Issues a certificate for a service.
   * @throws MeshError `invalid_option`, or `identity_invalid` where the CA itself has expired
   */
  issue(request: IssueRequest): IssuedIdentity {
    const id = serviceSpiffeId(this.trustDomain, request);
    const pair = request.publicKey === undefined ? newKeyPair(this.#algorithm) : undefined;
    const { der, notAfter } = this.issueCertificate(id, pair?.publicKey ?? importPublicKey(request.publicKey), request.ttlMs);
    const keyPem = pair === undefined ? undefined : exportKey(pair.privateKey);
    const certPem = certificatePem(der) + (this.#isRoot ? '' : this.certPem);
    return new IssuedIdentity({ id, certPem, caPem: this.certPem, notAfter, keyPem });
  }

  /** The bare certificate for a key that stays where it is. @internal */
  issueCertificate(id: string, publicKey: KeyObject, ttlMs = DEFAULT_TTL_MS): { der: Buffer; notBefore: number; notAfter: number } {
    if (!(ttlMs >= SHORTEST_TTL_MS)) throw new MeshError('invalid_option', `ttlMs: at least ${SHORTEST_TTL_MS}`);
    const now = this.#clock.now();
    if (now > this.notAfter) throw new MeshError('identity_invalid', `the CA expired at ${new Date(this.notAfter).toISOString()}: make a new one`);
    const validity = { notBefore: wholeSecond(now - BACKDATE_MS), notAfter: wholeSecond(Math.min(now + ttlMs, this.notAfter)) };
    return { der: writeLeafCertificate(id, publicKey, validity, this.#issuer), ...validity };
  }
}

/** @throws MeshError `invalid_option` */
export function newKeyPair(algorithm: KeyAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (algorithm) {
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    default:
      throw new MeshError('invalid_option', "algorithm: 'ed25519' or 'p256'");
  }
}

function algorithmOf(key: KeyObject): KeyAlgorithm | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'p256' : undefined;
}

function importPublicKey(key: string | KeyObject | undefined): KeyObject {
  try {
    const publicKey = key instanceof KeyObject ? key : createPublicKey(key ?? '');
    // A private key in its place is taken by Node, and must not be: somebody mixed up the files.
    if (publicKey.type === 'public' && algorithmOf(publicKey) !== undefined) return publicKey;
  } catch {
    // Said below.
  }
  throw new MeshError('invalid_option', 'publicKey: an Ed25519 or P-256 public key, as PEM or KeyObject');
}

/** As the certificate will say it. */
const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

const exportKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
