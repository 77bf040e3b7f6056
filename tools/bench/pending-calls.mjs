// What raw TLS and ws need to carry calls: a header of id and kind, and the table of calls that wait for their answer.

/** id (4) and kind (1) stand before each payload. */
export const HEADER_BYTES = 5;
export const JSON_KIND = 0;
export const BYTES_KIND = 1;

/** `offset` leaves room in front, e.g. for a length. */
export function encodeJson(id, value, offset = 0) {
  const text = JSON.stringify(value);
  const message = Buffer.allocUnsafe(offset + HEADER_BYTES + Buffer.byteLength(text));
  message.writeUInt32BE(id, offset);
  message[offset + 4] = JSON_KIND;
  message.write(text, offset + HEADER_BYTES);
  return message;
}

export function encodeBytes(id, bytes, offset = 0) {
  const message = Buffer.allocUnsafe(offset + HEADER_BYTES + bytes.length);
  message.writeUInt32BE(id, offset);
  message[offset + 4] = BYTES_KIND;
  message.set(bytes, offset + HEADER_BYTES);
  return message;
}

export function decode(message) {
  const body = message.subarray(HEADER_BYTES);
  return message[4] === JSON_KIND ? JSON.parse(body.toString()) : body;
}

/** The echo server's whole work: parse, encode again. */
export function echo(message, offset = 0) {
  const id = message.readUInt32BE(0);
  const value = decode(message);
  return message[4] === JSON_KIND ? encodeJson(id, value, offset) : encodeBytes(id, value, offset);
}

export class PendingCalls {
  #nextId = 0;
  #waiting = new Map();

  /** @param send called with the id of the new call */
  call(send) {
    const id = (this.#nextId = (this.#nextId + 1) >>> 0);
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      send(id);
    });
  }

  settle(message) {
    const id = message.readUInt32BE(0);
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve(decode(message));
  }
}
