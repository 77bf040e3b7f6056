/** The elements of DER (X.690) that a certificate of the SPIFFE profile is made of. Every function returns tag, length and content. */

/** @param tag one byte */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  if (length > 0xffff) throw new RangeError('an element longer than any certificate needs');
  const header = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => element(0x30, ...content);

export const set = (...content: readonly Uint8Array[]): Buffer => element(0x31, ...content);

/** A context-specific tag around whole elements: `[n] EXPLICIT`. */
export const explicit = (n: number, ...content: readonly Uint8Array[]): Buffer => element(0xa0 | n, ...content);

/** A context-specific tag in place of a primitive's own: `[n] IMPLICIT`. */
export const implicit = (n: number, content: Uint8Array): Buffer => element(0x80 | n, content);

/** FALSE is every BOOLEAN's default in a certificate, and defaults are not written (X.690 11.5). */
export const booleanTrue = (): Buffer => element(0x01, Buffer.of(0xff));

/** A non-negative INTEGER from its big-endian bytes, which are brought to their shortest form. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? Buffer.of(0) : bytes.subarray(first);
  // The highest bit is the sign.
  return (digits[0] ?? 0) >= 0x80 ? element(0x02, Buffer.of(0), digits) : element(0x02, digits);
}

/** A BIT STRING of whole bytes. */
export const bitString = (bytes: Uint8Array): Buffer => element(0x03, Buffer.of(0), bytes);

/** A BIT STRING of up to 8 named bits; trailing zero bits are not written (X.690 11.2.2). */
export function namedBits(...bits: readonly number[]): Buffer {
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return element(0x03, Buffer.of(7 - Math.max(...bits), byte));
}

export const octetString = (bytes: Uint8Array): Buffer => element(0x04, bytes);

export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text));

/** @param dotted e.g. `2.5.29.17` */
export function objectId(dotted: string): Buffer {
  const [root = 0, branch = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes = [root * 40 + branch, ...arcs].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 | (rest & 0x7f));
    return digits;
  });
  return element(0x06, Buffer.from(bytes));
}

/** A date of validity, to the second: UTCTime through 2049, GeneralizedTime after it (RFC 5280 4.1.2.5). */
export function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  return text < '2050' ? element(0x17, Buffer.from(text.slice(2))) : element(0x18, Buffer.from(text));
}
