import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Tags of the elements a certificate is made of (X.690 8.1.2, RFC 5280 appendix A). */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A certificate's own structure goes 5 deep; what is deeper is an attack on recursion (CVE-2025-66031 class). */
const MAX_DEPTH = 8;

/** One tag-length-value, as slices of the input. */
export interface DerElement {
  readonly tag: number;
  /** Tag, length and content. */
  readonly raw: Buffer;
  readonly content: Buffer;
}

/**
 * Reads elements one after the other, strictly by X.690's distinguished rules: one-byte tags, definite lengths in their
 * shortest form, nothing after the last element. Knows no types: the callers name the tag they accept.
 */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #depth: number;
  #offset = 0;

  /** @throws MeshError `certificate_invalid` where the nesting is too deep */
  constructor(bytes: Buffer, depth = 0) {
    if (depth > MAX_DEPTH) throw derError('nested too deeply');
    this.#bytes = bytes;
    this.#depth = depth;
  }

  /** Whether everything was read. */
  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next element, whatever it is. */
  next(): DerElement {
    const bytes = this.#bytes;
    const start = this.#offset;
    const tag = bytes[start];
    const short = bytes[start + 1];
    if (tag === undefined || short === undefined) throw derError('cut off');
    if ((tag & 0x1f) === 0x1f) throw derError('a tag of more than one byte');
    let from = start + 2;
    let length = short;
    if (short >= 0x80) {
      // 0x80 is the indefinite form; three length bytes and more are beyond any certificate taken here.
      const size = short - 0x80;
      if (size < 1 || size > 2 || from + size > bytes.length) throw derError('a length that is indefinite, too big or cut off');
      length = bytes.readUIntBE(from, size);
      from += size;
      if (length < 0x80 || (size === 2 && length < 0x100)) throw derError('a length not in its shortest form');
    }
    const end = from + length;
    if (end > bytes.length) throw derError('an element longer than what holds it');
    this.#offset = end;
    return { tag, raw: bytes.subarray(start, end), content: bytes.subarray(from, end) };
  }

  /** The next element, which must have this tag. */
  read(tag: number, what: string): DerElement {
    if (this.#bytes[this.#offset] !== tag) throw derError(`no ${what} where one must be`);
    return this.next();
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | undefined {
    return this.#bytes[this.#offset] === tag ? this.next() : undefined;
  }

  /** A reader of the content of the next element, which must have this tag. */
  enter(tag: number, what: string): DerReader {
    return new DerReader(this.read(tag, what).content, this.#depth + 1);
  }

  /** The end: @throws MeshError `certificate_invalid` where bytes are left. */
  end(what: string): void {
    if (!this.done) throw derError(`bytes after the end of ${what}`);
  }
}

/** Reads a whole value that consists of one element of this tag. */
export function readOnly(bytes: Buffer, tag: number, what: string): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.read(tag, what);
  reader.end(what);
  return element;
}

/** The error of everything that is not what DER or RFC 5280 ask for. Never carries bytes of the peer. */
export function derError(what: string): MeshError {
  return new MeshError('certificate_invalid', `not a certificate in strict DER: ${what}`);
}
