import { DER, derError, DerReader, readOnly, type DerElement } from './der-reader.js';
import { assertTrue, namedBits, oidText, smallInteger } from './der-values.js';

/** Whether a certificate is a CA's (RFC 5280 4.2.1.9). */
export interface BasicConstraints {
  readonly critical: boolean;
  readonly ca: boolean;
  /** How many CA certificates may follow below. Absent: any number. */
  readonly pathLen?: number;
}

/** What a key may be used for (RFC 5280 4.2.1.3); the bits that matter here. */
export interface KeyUsage {
  readonly critical: boolean;
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly cRLSign: boolean;
}

/** Purposes of the key as dotted OIDs (RFC 5280 4.2.1.12). */
export interface ExtendedKeyUsage {
  readonly critical: boolean;
  readonly purposes: readonly string[];
}

/** The subject's URIs. Other kinds of name are allowed and mean nothing here. */
export interface SubjectAltName {
  readonly critical: boolean;
  readonly uris: readonly string[];
}

/** The extensions of a certificate, as far as SPIFFE's rules need them. */
export interface CertificateExtensions {
  readonly basicConstraints?: BasicConstraints;
  readonly keyUsage?: KeyUsage;
  readonly extendedKeyUsage?: ExtendedKeyUsage;
  readonly subjectAltName?: SubjectAltName;
  /** OIDs of what must be understood and is not: such a certificate proves nothing (RFC 5280 4.2). */
  readonly unknownCritical: readonly string[];
}

/** A GeneralName that is a URI: [6] IMPLICIT IA5String. */
const URI_NAME = 0x86;
/** The other kinds of GeneralName, [0] to [8], in the form each of them has. */
const OTHER_NAMES: ReadonlySet<number> = new Set([0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x87, 0x88]);

/**
 * Name constraints are never ignored, not even where they are (wrongly) not critical: a CA that says whom it may not vouch for
 * is not to be used by those who cannot read that.
 */
const NAME_CONSTRAINTS = '2.5.29.30';

/**
 * Reads the content of a certificate's SEQUENCE OF Extension.
 * @throws MeshError `certificate_invalid`
 */
export function readExtensions(reader: DerReader): CertificateExtensions {
  const seen = new Set<string>();
  const unknownCritical: string[] = [];
  let extensions: Partial<Omit<CertificateExtensions, 'unknownCritical'>> = {};
  if (reader.done) throw derError('an empty list of extensions');
  while (!reader.done) {
    const extension = reader.enter(DER.sequence, 'extension');
    const oid = oidText(extension.read(DER.oid, 'extension id'));
    const flag = extension.optional(DER.boolean);
    if (flag !== undefined) assertTrue(flag);
    const critical = flag !== undefined;
    const value = extension.read(DER.octetString, 'extension value').content;
    extension.end('an extension');
    if (seen.has(oid)) throw derError('the same extension twice');
    seen.add(oid);
    switch (oid) {
      case '2.5.29.19':
        extensions = { ...extensions, basicConstraints: readBasicConstraints(value, critical) };
        break;
      case '2.5.29.15':
        extensions = { ...extensions, keyUsage: readKeyUsage(value, critical) };
        break;
      case '2.5.29.37':
        extensions = { ...extensions, extendedKeyUsage: readExtendedKeyUsage(value, critical) };
        break;
      case '2.5.29.17':
        extensions = { ...extensions, subjectAltName: readSubjectAltName(value, critical) };
        break;
      default:
        if (critical || oid === NAME_CONSTRAINTS) unknownCritical.push(oid);
    }
  }
  return { ...extensions, unknownCritical };
}

function readBasicConstraints(value: Buffer, critical: boolean): BasicConstraints {
  const reader = new DerReader(readOnly(value, DER.sequence, 'basicConstraints').content);
  const flag = reader.optional(DER.boolean);
  if (flag !== undefined) assertTrue(flag);
  const ca = flag !== undefined;
  const pathLen = reader.optional(DER.integer);
  reader.end('basicConstraints');
  if (pathLen === undefined) return { critical, ca };
  if (!ca) throw derError('a path length without cA');
  return { critical, ca, pathLen: smallInteger(pathLen) };
}

function readKeyUsage(value: Buffer, critical: boolean): KeyUsage {
  const bits = namedBits(readOnly(value, DER.bitString, 'keyUsage'));
  const has = (bit: number): boolean => (bits & (1 << bit)) !== 0;
  return { critical, digitalSignature: has(0), keyCertSign: has(5), cRLSign: has(6) };
}

function readExtendedKeyUsage(value: Buffer, critical: boolean): ExtendedKeyUsage {
  const purposes = elementsOf(value, 'extendedKeyUsage').map((element) => {
    if (element.tag !== DER.oid) throw derError('a purpose that is not an OBJECT IDENTIFIER');
    return oidText(element);
  });
  return { critical, purposes };
}

function readSubjectAltName(value: Buffer, critical: boolean): SubjectAltName {
  const uris: string[] = [];
  for (const { tag, content } of elementsOf(value, 'subjectAltName')) {
    if (tag === URI_NAME) {
      if (content.some((byte) => byte > 0x7f)) throw derError('a URI that is not ASCII');
      uris.push(content.toString('latin1'));
    } else if (!OTHER_NAMES.has(tag)) throw derError('an unknown kind of name');
  }
  return { critical, uris };
}

function elementsOf(value: Buffer, what: string): DerElement[] {
  const reader = new DerReader(readOnly(value, DER.sequence, what).content);
  const elements: DerElement[] = [];
  while (!reader.done) elements.push(reader.next());
  if (elements.length === 0) throw derError(`an empty ${what}`);
  return elements;
}
