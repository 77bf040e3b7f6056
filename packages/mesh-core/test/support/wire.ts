import { expect } from '@jest/globals';
import { MeshError, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { HEADER_BYTES, RecordFlag, writeHeader } from '../../src/wire/message.js';
import { encodeMethod } from '../../src/wire/request.js';
import { Reassembly } from '../../src/wire/reassembly.js';

/** A message as it stands in a record. */
export interface PlainMessage {
  readonly kind: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function message(kind: number, id: number, payload: Uint8Array = Buffer.alloc(0), flags = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, kind, flags, id, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** The payload of a request. */
export function request(method: string, body: string | Uint8Array = '', timeoutMs = 30_000): Buffer {
  const timeout = Buffer.alloc(4);
  timeout.writeUInt32BE(timeoutMs);
  return Buffer.concat([timeout, encodeMethod(method), Buffer.from(body as string)]);
}

export function parseMessages(plaintext: Buffer): PlainMessage[] {
  const messages: PlainMessage[] = [];
  for (let at = 0; at < plaintext.length; ) {
    const end = at + HEADER_BYTES + plaintext.readUInt32BE(at + 6);
    expect(end).toBeLessThanOrEqual(plaintext.length);
    messages.push({ kind: plaintext[at] as number, flags: plaintext[at + 1] as number, id: plaintext.readUInt32BE(at + 2), payload: plaintext.subarray(at + HEADER_BYTES, end) });
    at = end;
  }
  return messages;
}

/** Opens records as a peer would, without a session. */
export class Reader {
  readonly messages: PlainMessage[] = [];
  /** Messages of each record that held whole ones. */
  readonly counts: number[] = [];
  fragments = 0;
  #read = 0;
  readonly #channel: SecureChannel;
  readonly #reassembly = new Reassembly(Infinity, Infinity);

  constructor(channel: SecureChannel) {
    this.#channel = channel;
  }

  /** Takes what came since the last time. */
  read(records: readonly Buffer[]): PlainMessage[] {
    const before = this.messages.length;
    for (; this.#read < records.length; this.#read++) {
      const record = records[this.#read] as Buffer;
      const plaintext = this.#channel.open(record);
      const flags = (record[0] as number) & 0xf0;
      if ((flags & RecordFlag.fragment) === 0) {
        const messages = parseMessages(plaintext);
        this.counts.push(messages.length);
        this.messages.push(...messages);
        continue;
      }
      this.fragments++;
      const outcome = this.#reassembly.add(flags, plaintext);
      if (outcome.type === 'message') this.messages.push(...parseMessages(outcome.message));
    }
    return this.messages.slice(before);
  }
}

/** What `run` throws; fails where it throws nothing or something else than a MeshError. */
export function thrown(run: () => unknown): MeshError {
  try {
    run();
  } catch (error) {
    if (MeshError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** What a promise rejects with; fails where it resolves, or rejects with something else than a MeshError. */
export async function rejection(promise: Promise<unknown>): Promise<MeshError> {
  try {
    await promise;
  } catch (error) {
    if (MeshError.is(error)) return error;
    throw error;
  }
  throw new Error('the promise was not rejected');
}

/** A turn of the event loop, or several. */
export async function turns(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
