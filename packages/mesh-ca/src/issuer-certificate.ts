import type { X509Certificate } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** What issuing needs to know of a CA's certificate and Node does not tell: raw names, key id, URIs. */
export interface IssuerFields {
  /** Raw DER of the subject: the issuer of what it signs, byte by byte. */
  readonly subject: Buffer;
  readonly subjectKeyId: Buffer | undefined;
  readonly uris: readonly string[];
}

const SUBJECT_KEY_ID = Buffer.from('0603551d0e', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');

interface Element {
  readonly tag: number;
  readonly raw: Buffer;
  readonly content: Buffer;
}

/**
 * Picks these fields out of a certificate that OpenSSL has parsed: the structure is known to hold, and the file is the operator's
 * own. Peers' certificates are mesh-crypto's, with a strict reader.
 * @throws MeshError `identity_invalid`
 */
export function readIssuerFields(certificate: X509Certificate): IssuerFields {
  try {
    const [tbs] = children(only(certificate.raw).content);
    const fields = children(tbs?.content ?? Buffer.alloc(0));
    // version [0], serial, algorithm, issuer, validity, subject, key, …, extensions [3]
    const subject = fields[5];
    const list = fields.find(({ tag }) => tag === 0xa3);
    if (fields[0]?.tag !== 0xa0 || subject?.tag !== 0x30) throw new RangeError('not version 3');
    const extensions = list === undefined ? [] : children(only(list.content).content);
    const keyId = extensionValue(extensions, SUBJECT_KEY_ID);
    const names = extensionValue(extensions, SUBJECT_ALT_NAME);
    return {
      subject: subject.raw,
      subjectKeyId: keyId === undefined ? undefined : only(keyId).content,
      uris: names === undefined ? [] : children(only(names).content).flatMap(({ tag, content }) => (tag === 0x86 ? [content.toString('latin1')] : [])),
    };
  } catch (cause) {
    throw new MeshError('identity_invalid', 'the CA certificate is not a plain X.509 v3 certificate', { cause });
  }
}

function extensionValue(extensions: readonly Element[], oid: Buffer): Buffer | undefined {
  const found = extensions.map(({ content }) => children(content)).find(([id]) => id?.raw.equals(oid));
  return found?.at(-1)?.content;
}

function only(bytes: Buffer): Element {
  const [element, ...rest] = children(bytes);
  if (element === undefined || rest.length > 0) throw new RangeError('not one element');
  return element;
}

function children(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const short = bytes.readUInt8(offset + 1);
    const size = short < 0x80 ? 0 : short - 0x80;
    const from = offset + 2 + size;
    const end = from + (size === 0 ? short : bytes.readUIntBE(offset + 2, size));
    if (end > bytes.length) throw new RangeError('cut off');
    elements.push({ tag: bytes.readUInt8(offset), raw: bytes.subarray(offset, end), content: bytes.subarray(from, end) });
    offset = end;
  }
  return elements;
}
