/** DNS messages as a server would write them, and as none should: by hand, so that the decoder is not checked against itself. */

const TYPES: Readonly<Record<string, number>> = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, SRV: 33 };

export interface TestRecord {
  readonly name: string;
  readonly type: keyof typeof TYPES | number;
  readonly ttl?: number;
  readonly data: Buffer;
  readonly class?: number;
}

export interface TestMessage {
  readonly id?: number;
  /** Default: a response without error. */
  readonly flags?: number;
  readonly question?: { readonly name: string; readonly type: string };
  readonly answers?: readonly TestRecord[];
  readonly authority?: readonly TestRecord[];
  readonly additional?: readonly TestRecord[];
}

export const RESPONSE = 0x8180;
export const TRUNCATED = 0x0200;

/** A name without compression; `''` is the root. */
export function wireName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.').flatMap((label) => [Buffer.of(Buffer.byteLength(label, 'latin1')), Buffer.from(label, 'latin1')]);
  return Buffer.concat([...labels, Buffer.of(0)]);
}

const uint16 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.of(value >> 8, value & 0xff)));

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const codeOf = (type: string | number): number => (typeof type === 'number' ? type : (TYPES[type] ?? 0));

const wireRecord = ({ name, type, ttl = 60, data, class: kind = 1 }: TestRecord): Buffer =>
  Buffer.concat([wireName(name), uint16(codeOf(type), kind), uint32(ttl), uint16(data.length), data]);

export function wireMessage({ id = 7, flags = RESPONSE, question = { name: 'a.test', type: 'A' }, answers = [], authority = [], additional = [] }: TestMessage): Buffer {
  const head = uint16(id, flags, 1, answers.length, authority.length, additional.length);
  const asked = Buffer.concat([wireName(question.name), uint16(codeOf(question.type), 1)]);
  return Buffer.concat([head, asked, ...[...answers, ...authority, ...additional].map(wireRecord)]);
}

export const a = (name: string, address: string, ttl?: number): TestRecord => ({ name, type: 'A', ...(ttl === undefined ? {} : { ttl }), data: Buffer.from(address.split('.').map(Number)) });

export const aaaa = (name: string, hex: string): TestRecord => ({ name, type: 'AAAA', data: Buffer.from(hex, 'hex') });

export const cname = (name: string, target: string, ttl?: number): TestRecord => ({ name, type: 'CNAME', ...(ttl === undefined ? {} : { ttl }), data: wireName(target) });

export const srv = (name: string, target: string, port: number, priority = 0, weight = 1, ttl?: number): TestRecord => ({
  name,
  type: 'SRV',
  ...(ttl === undefined ? {} : { ttl }),
  data: Buffer.concat([uint16(priority, weight, port), wireName(target)]),
});

export const soa = (name: string, ttl: number, minimum: number): TestRecord => ({
  name,
  type: 'SOA',
  ttl,
  data: Buffer.concat([wireName(`ns.${name}`), wireName(`hostmaster.${name}`), uint32(1), uint32(2), uint32(3), uint32(4), uint32(minimum)]),
});

export const ns = (name: string, server: string): TestRecord => ({ name, type: 'NS', data: wireName(server) });
