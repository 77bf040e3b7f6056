import { createHash, type KeyObject } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { readExtensions, type CertificateExtensions } from './certificate-extensions.js';
import { DER, derError, DerReader, type DerElement } from './der-reader.js';
import { bitStringBytes, integerBytes, oidText, smallInteger, timeMs } from './der-values.js';
import { readSubjectPublicKey, type CertificateKeyType } from './subject-public-key.js';

/** A certificate is at most this long, in bytes: 20 times a SPIFFE leaf, and half of what a stranger may send (PROTOCOL 5). */
export const MAX_CERTIFICATE_BYTES = 8192;

/** How a certificate may be signed: RFC 8410's Ed25519, RFC 5758's ecdsa-with-SHA256. */
export type CertificateSignatureAlgorithm = 'ed25519' | 'ecdsa-sha256';

const SIGNATURE_ALGORITHMS: ReadonlyMap<string, CertificateSignatureAlgorithm> = new Map([
  ['1.3.101.112', 'ed25519'],
  ['1.2.840.10045.4.3.2', 'ecdsa-sha256'],
]);

/** Explicit tags of a TBSCertificate (RFC 5280 4.1). */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** A certificate that was read, not yet one that is believed: that is `verifyPeer`'s word. */
export interface Certificate extends CertificateExtensions {
  /** The whole certificate, a copy of the input. */
  readonly der: Buffer;
  /** Base64url SHA-256 of {@link der}. */
  readonly fingerprint: string;
  /** What the signature covers. */
  readonly tbs: Buffer;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly signature: Buffer;
  /** Big-endian, 1 to 20 bytes, positive. */
  readonly serial: Buffer;
  /** Raw DER of the Name: issuer and subject are compared byte by byte. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** ms since 1970. */
  readonly notBefore: number;
  /** ms since 1970, the last valid second's begin. */
  readonly notAfter: number;
  /** Raw DER of the SubjectPublicKeyInfo: what a pin hashes. */
  readonly spki: Buffer;
  /** Base64url SHA-256 of {@link spki}: the pin that names this key. */
  readonly pin: string;
  readonly keyType: CertificateKeyType;
  readonly publicKey: KeyObject;
}

/**
 * Reads one X.509 v3 certificate strictly: DER, a key and a signature of Ed25519 or ECDSA P-256, nothing after its end.
 * @param der the bytes; they are copied
 * @throws MeshError `certificate_invalid`
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) throw derError(`longer than ${MAX_CERTIFICATE_BYTES} bytes`);
  const bytes = Buffer.from(der);
  const outer = new DerReader(bytes);
  const certificate = outer.enter(DER.sequence, 'certificate');
  outer.end('the certificate');
  const tbs = certificate.read(DER.sequence, 'body');
  const algorithm = certificate.read(DER.sequence, 'signature algorithm');
  const signature = bitStringBytes(certificate.read(DER.bitString, 'signature'));
  certificate.end('the signature');
  return {
    ...readBody(tbs, algorithm),
    der: bytes,
    fingerprint: createHash('sha256').update(bytes).digest('base64url'),
    tbs: tbs.raw,
    signatureAlgorithm: readAlgorithm(algorithm),
    signature,
  };
}

type CertificateBody = Omit<Certificate, 'der' | 'fingerprint' | 'tbs' | 'signatureAlgorithm' | 'signature'>;

function readBody(tbs: DerElement, signedAs: DerElement): CertificateBody {
  const body = new DerReader(tbs.content, 1);
  const version = body.enter(VERSION, 'version');
  if (smallInteger(version.read(DER.integer, 'version')) !== 2) throw derError('a version other than 3');
  version.end('the version');
  const serial = integerBytes(body.read(DER.integer, 'serial number'));
  if (serial.length > 20 || serial.every((byte) => byte === 0)) throw derError('a serial number that is zero or longer than 20 bytes');
  // The algorithm stands twice, once under the signature: both must be the same (RFC 5280 4.1.1.2).
  if (!body.read(DER.sequence, 'signature algorithm').raw.equals(signedAs.raw)) throw derError('two different signature algorithms');
  const issuer = readName(body);
  const validity = body.enter(DER.sequence, 'validity');
  const notBefore = timeMs(validity.next());
  const notAfter = timeMs(validity.next());
  validity.end('the validity');
  if (notAfter < notBefore) throw derError('an end of validity before its begin');
  const subject = readName(body);
  const spki = body.read(DER.sequence, 'public key');
  const { type, key } = readSubjectPublicKey(spki);
  // Unique ids, [1] and [2], must not be issued (RFC 5280 4.1.2.8) and are not read here.
  const wrapper = body.enter(EXTENSIONS, 'list of extensions');
  body.end('the extensions');
  const extensions = readExtensions(wrapper.enter(DER.sequence, 'list of extensions'));
  wrapper.end('the extensions');
  return {
    ...extensions,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki: spki.raw,
    pin: createHash('sha256').update(spki.raw).digest('base64url'),
    keyType: type,
    publicKey: key,
  };
}

/** A Name is only compared, never shown; but it must be one. */
function readName(body: DerReader): Buffer {
  const name = body.read(DER.sequence, 'name');
  const relativeNames = new DerReader(name.content, 2);
  while (!relativeNames.done) {
    const relativeName = relativeNames.enter(DER.set, 'relative name');
    do {
      const attribute = relativeName.enter(DER.sequence, 'name attribute');
      oidText(attribute.read(DER.oid, 'attribute type'));
      attribute.next();
      attribute.end('a name attribute');
    } while (!relativeName.done);
  }
  return name.raw;
}

function readAlgorithm(element: DerElement): CertificateSignatureAlgorithm {
  const reader = new DerReader(element.content, 1);
  const algorithm = SIGNATURE_ALGORITHMS.get(oidText(reader.read(DER.oid, 'signature algorithm')));
  if (algorithm === undefined) {
    throw new MeshError('certificate_invalid', 'the certificate is signed with neither Ed25519 nor ECDSA P-256 and SHA-256');
  }
  // Neither of them has parameters (RFC 8410 3, RFC 5758 3.2).
  reader.end('the signature algorithm');
  return algorithm;
}
