import { isDnsName } from './dns-name.js';

/** RFC 1035 2.3.4, the length octets included. */
const MAX_NAME_OCTETS = 255;
/** Pointers of one name. Honest ones have one or two; chains of thousands, in each of thousands of records, would cost seconds. */
const MAX_POINTERS = 32;
/** Octets of all names of one message, spelled out. 256 instances with all their addresses need a quarter of it; thousands of records that refer to the longest name of all would cost a second. */
const MAX_ALL_NAMES_OCTETS = 256 * 1_024;

/** Reads a DNS message front to back. Whatever lies outside of it throws. */
export class MessageReader {
  readonly #bytes: Buffer;
  #offset = 0;
  #namesOctets = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  bytes(length: number): Buffer {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Goes on at `offset`. */
  moveTo(offset: number): void {
    if (offset > this.#bytes.length) throw new RangeError('the message is cut off');
    this.#offset = offset;
  }

  /**
   * A name in lower case, `''` for the root.
   * @returns `undefined` for what is well-formed and no name of a host or service
   * @throws RangeError
   */
  name(): string | undefined {
    const labels: string[] = [];
    let octets = 1;
    let at = this.#offset;
    // A pointer leads to an earlier place than everything read since the last one (RFC 1035 4.1.4): no loop can form.
    let limit = at;
    let end: number | undefined;
    let pointers = 0;
    for (;;) {
      const length = this.#byteAt(at);
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | this.#byteAt(at + 1);
        end ??= at + 2;
        if (target >= limit || ++pointers > MAX_POINTERS) throw new RangeError('a name refers to itself or ahead, or from place to place');
        at = limit = target;
        continue;
      }
      if (length >= 0x40) throw new RangeError('a label of an unknown kind');
      at += 1;
      if (length === 0) break;
      octets += length + 1;
      if (octets > MAX_NAME_OCTETS || at + length > this.#bytes.length) throw new RangeError('a name is too long');
      this.#namesOctets += length + 1;
      if (this.#namesOctets > MAX_ALL_NAMES_OCTETS) throw new RangeError('its names are too long, all together');
      labels.push(this.#bytes.toString('latin1', at, at + length).toLowerCase());
      at += length;
    }
    this.moveTo(end ?? at);
    if (labels.length === 0) return '';
    // A dot within a label would pass for one between two.
    const name = labels.join('.');
    return isDnsName(name) && labels.every((label) => !label.includes('.')) ? name : undefined;
  }

  #byteAt(offset: number): number {
    const byte = this.#bytes[offset];
    if (byte === undefined) throw new RangeError('the message is cut off');
    return byte;
  }

  #advance(length: number): number {
    const start = this.#offset;
    this.moveTo(start + length);
    return start;
  }
}
