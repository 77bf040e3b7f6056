import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { bitString, booleanTrue, explicit, implicit, integer, namedBits, objectId, octetString, sequence, set, time, utf8String } from './der-writer.js';

/** From when to when a certificate is valid, ms since 1970; written to the second. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Who signs: the issuer as its own certificate names it. */
export interface Issuer {
  /** Raw DER of its subject. */
  readonly name: Buffer;
  /** Its subject key id, where it has one. */
  readonly keyId: Buffer | undefined;
  readonly privateKey: KeyObject;
}

/** KeyUsage bits (RFC 5280 4.2.1.3). */
const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;
const CRL_SIGN = 6;

const OID = {
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ed25519: '1.3.101.112',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

/** Upper bound of a commonName (RFC 5280 appendix A). */
const MAX_COMMON_NAME = 64;

/**
 * A service's certificate: X509-SVID 4. The subject is empty, so that the id stands in one place only, and the SAN critical.
 * @returns DER
 */
export function writeLeafCertificate(id: string, publicKey: KeyObject, validity: Validity, issuer: Issuer): Buffer {
  return signCertificate(sequence(), spkiOf(publicKey), validity, issuer, [
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.keyUsage, true, namedBits(DIGITAL_SIGNATURE)),
    extension(OID.extendedKeyUsage, false, sequence(objectId(OID.serverAuth), objectId(OID.clientAuth))),
    uriName(id, true),
  ]);
}

/**
 * A self-signed CA for one trust domain. Without pathLen: an intermediate may stand below it.
 * @returns DER
 */
export function writeCaCertificate(trustDomain: string, publicKey: KeyObject, privateKey: KeyObject, validity: Validity): Buffer {
  const name = sequence(set(sequence(objectId(OID.commonName), utf8String(trustDomain.slice(0, MAX_COMMON_NAME)))));
  return signCertificate(name, spkiOf(publicKey), validity, { name, keyId: keyIdOf(spkiOf(publicKey)), privateKey }, [
    extension(OID.basicConstraints, true, sequence(booleanTrue())),
    extension(OID.keyUsage, true, namedBits(KEY_CERT_SIGN, CRL_SIGN)),
    uriName(`spiffe://${trustDomain}`, false),
  ]);
}

/** A certificate as a PEM block (RFC 7468). */
export function certificatePem(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Raw DER of a key's SubjectPublicKeyInfo. */
export const spkiOf = (publicKey: KeyObject): Buffer => publicKey.export({ type: 'spki', format: 'der' });

function signCertificate(subject: Buffer, spki: Buffer, validity: Validity, issuer: Issuer, profile: readonly Buffer[]): Buffer {
  const ed25519 = issuer.privateKey.asymmetricKeyType === 'ed25519';
  const algorithm = sequence(objectId(ed25519 ? OID.ed25519 : OID.ecdsaWithSha256));
  const keyIds = [extension(OID.subjectKeyId, false, octetString(keyIdOf(spki)))];
  if (issuer.keyId !== undefined) keyIds.push(extension(OID.authorityKeyId, false, sequence(implicit(0, issuer.keyId))));
  const tbs = sequence(
    explicit(0, integer(Buffer.of(2))),
    serialNumber(),
    algorithm,
    issuer.name,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject,
    spki,
    explicit(3, sequence(...profile, ...keyIds)),
  );
  const signature = ed25519 ? sign(null, tbs, issuer.privateKey) : sign('sha256', tbs, issuer.privateKey);
  return sequence(tbs, algorithm, bitString(signature));
}

/** 16 random bytes, made positive and never shorter: unpredictable, as the CA/Browser forum asks (64 bits at least). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return integer(bytes);
}

/** Key id by RFC 7093 method 1: the left 160 bits of SHA-256 over the key's bits, which end the SPKI of both key types. */
function keyIdOf(spki: Buffer): Buffer {
  const bits = spki.length === ED25519_SPKI_BYTES ? spki.subarray(-32) : spki.subarray(-65);
  return createHash('sha256').update(bits).digest().subarray(0, 20);
}

const ED25519_SPKI_BYTES = 44;

function uriName(uri: string, critical: boolean): Buffer {
  return extension(OID.subjectAltName, critical, sequence(implicit(6, Buffer.from(uri))));
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(oid), ...(critical ? [booleanTrue()] : []), octetString(value));
}
