import { DER, derError, type DerElement } from './der-reader.js';

/** DER knows one TRUE (X.690 11.1). FALSE is never written here: it is every BOOLEAN's default in a certificate (11.5). */
export function assertTrue({ content }: DerElement): void {
  if (content.length !== 1 || content[0] !== 0xff) throw derError('a BOOLEAN that is not TRUE');
}

/** The bytes of a non-negative INTEGER in its shortest form, its sign byte included. */
export function integerBytes({ content }: DerElement): Buffer {
  const [first, second] = content;
  if (first === undefined) throw derError('an empty INTEGER');
  if (first >= 0x80) throw derError('a negative INTEGER');
  if (first === 0 && second !== undefined && second < 0x80) throw derError('an INTEGER not in its shortest form');
  return content;
}

/** A small non-negative INTEGER: a version, a path length. */
export function smallInteger(element: DerElement): number {
  const bytes = integerBytes(element);
  if (bytes.length !== 1) throw derError('an INTEGER that is too big');
  return bytes.readUInt8();
}

/** A BIT STRING of whole bytes: a key, a signature. */
export function bitStringBytes({ content }: DerElement): Buffer {
  if (content[0] !== 0) throw derError('a BIT STRING that does not end with a whole byte');
  return content.subarray(1);
}

/** A BIT STRING of named bits, as a number whose lowest bit is bit 0. Trailing zero bits are not written (X.690 11.2.2). */
export function namedBits({ content }: DerElement): number {
  const unused = content[0];
  const last = content.at(-1);
  if (unused === undefined || last === undefined || unused > 7 || content.length < 2 || content.length > 3) throw derError('bad named bits');
  if (((last >> unused) & 1) !== 1 || (last & ((1 << unused) - 1)) !== 0) throw derError('named bits not in their shortest form');
  let bits = 0;
  content.subarray(1).forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) bits |= 1 << (index * 8 + bit);
  });
  return bits;
}

/** An OBJECT IDENTIFIER in dotted form. */
export function oidText({ content }: DerElement): string {
  const last = content.at(-1);
  if (last === undefined || last >= 0x80 || content.length > 64) throw derError('a bad OBJECT IDENTIFIER');
  const arcs: bigint[] = [];
  let arc = 0n;
  let begins = true;
  for (const byte of content) {
    if (begins && byte === 0x80) throw derError('an OBJECT IDENTIFIER not in its shortest form');
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    begins = byte < 0x80;
    if (!begins) continue;
    if (arcs.length > 0) arcs.push(arc);
    else {
      // The first two arcs share a number (X.690 8.19.4).
      const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(root, arc - root * 40n);
    }
    arc = 0n;
  }
  return arcs.join('.');
}

/** A validity date in ms since 1970: UTCTime through 2049, GeneralizedTime after it, both to the second in Zulu time (RFC 5280 4.1.2.5). */
export function timeMs({ tag, content }: DerElement): number {
  const text = content.toString('latin1');
  if (tag === DER.utcTime && /^\d{12}Z$/.test(text)) return utcMs(`${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`);
  if (tag === DER.generalizedTime && /^\d{14}Z$/.test(text) && text >= '2050') return utcMs(text);
  throw derError('a date not in the form of RFC 5280');
}

function utcMs(text: string): number {
  const at = (from: number, to: number): string => text.slice(from, to);
  const iso = `${at(0, 4)}-${at(4, 6)}-${at(6, 8)}T${at(8, 10)}:${at(10, 12)}:${at(12, 14)}.000Z`;
  const ms = Date.parse(iso);
  // Date.parse takes 31 February for 3 March.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw derError('a date that does not exist');
  return ms;
}
