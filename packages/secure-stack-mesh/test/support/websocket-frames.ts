/** Just enough of RFC 6455 section 5.2 to read, alter and forge frames on a TCP connection. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  /** Unmasked. */
  readonly payload: Buffer;
}

/** @param masked as a client's frames must be; masked with zeros, which leaves the payload as it is */
export function encodeFrame({ opcode, final, payload }: Frame, masked: boolean): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head[0] = opcode | (final ? 0x80 : 0);
  const mask = masked ? 0x80 : 0;
  if (length < 126) head[1] = mask | length;
  else if (length < 0x10000) {
    head[1] = mask | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), payload]);
}

/** A whole binary message in one frame. */
export const binaryFrame = (payload: Uint8Array, masked: boolean): Buffer =>
  encodeFrame({ opcode: Opcode.binary, final: true, payload: Buffer.from(payload) }, masked);

/** Cuts a stream of bytes into frames, whatever its chunks are. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | undefined {
    const bytes = this.#rest;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const masked = (second & 0x80) !== 0;
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    const mask = masked ? bytes.subarray(at, at + 4) : undefined;
    if (masked) at += 4;
    if (bytes.length < at + length) return undefined;
    const payload = Buffer.from(bytes.subarray(at, at + length));
    if (mask !== undefined) for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (mask[i % 4] as number);
    this.#rest = bytes.subarray(at + length);
    return { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload };
  }
}

/** Splits what a WebSocket connection begins with from its frames: the HTTP head, up to the empty line. */
export class HeadReader {
  #seen: Buffer | undefined = Buffer.alloc(0);

  /** @returns the whole head as soon as it is there, and what came behind it; `undefined` head while it is not whole, or was given before */
  push(chunk: Buffer): { readonly head: Buffer | undefined; readonly rest: Buffer } {
    if (this.#seen === undefined) return { head: undefined, rest: chunk };
    const seen = Buffer.concat([this.#seen, chunk]);
    const end = seen.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#seen = seen;
      return { head: undefined, rest: Buffer.alloc(0) };
    }
    this.#seen = undefined;
    return { head: seen.subarray(0, end + 4), rest: seen.subarray(end + 4) };
  }
}
