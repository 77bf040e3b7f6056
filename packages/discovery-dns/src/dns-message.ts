import { MessageReader } from './message-reader.js';
import { formatIpv4, formatIpv6 } from './ip-address.js';

/** What can be asked for. */
export type QuestionType = 'A' | 'AAAA' | 'SRV';

export interface DnsQuestion {
  /** In lower case, without the dot at the end. */
  readonly name: string;
  readonly type: QuestionType;
}

export interface AddressRecord {
  readonly type: 'A' | 'AAAA';
  readonly name: string;
  /** In s. */
  readonly ttl: number;
  readonly address: string;
}

/** RFC 2782. */
export interface ServiceRecord {
  readonly type: 'SRV';
  readonly name: string;
  readonly ttl: number;
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** `''`, the root: there is decidedly no such service. */
  readonly target: string;
}

export interface AliasRecord {
  readonly type: 'CNAME';
  readonly name: string;
  readonly ttl: number;
  readonly target: string;
}

export type DnsRecord = AddressRecord | ServiceRecord | AliasRecord;

/** A message of a server, as far as it is of interest. */
export interface DnsResponse {
  readonly id: number;
  readonly isResponse: boolean;
  /** It did not fit: to be asked again over TCP. */
  readonly truncated: boolean;
  /** RCODE: 0 no error, 2 SERVFAIL, 3 NXDOMAIN. */
  readonly code: number;
  /** `undefined`: it repeats no question, or one of another kind. */
  readonly question: DnsQuestion | undefined;
  readonly answers: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
  /** How long it holds that there is nothing, in s (RFC 2308 5); 0 where that is not said. */
  readonly negativeTtl: number;
  /** It names other servers instead of answering. */
  readonly isReferral: boolean;
}

const TYPES: Readonly<Record<QuestionType, number>> = { A: 1, AAAA: 28, SRV: 33 };
const TYPE_NS = 2;
const TYPE_CNAME = 5;
const TYPE_SOA = 6;
const TYPE_OPT = 41;
const CLASS_IN = 1;
const RECURSION_DESIRED = 0x0100;
/** What fits into one packet on any path (RFC 9715). */
const UDP_PAYLOAD = 1_232;

/** @param id what the answer has to repeat, 0 to 65,535 */
export function encodeQuery(id: number, { name, type }: DnsQuestion): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4); // one question
  header.writeUInt16BE(1, 10); // one additional record
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')]);
  const question = Buffer.alloc(5);
  question.writeUInt16BE(TYPES[type], 1);
  question.writeUInt16BE(CLASS_IN, 3);
  // EDNS (RFC 6891 6.1.2): the root, OPT, the size that may come back; no extended code, no flags, no options.
  const edns = Buffer.alloc(11);
  edns.writeUInt16BE(TYPE_OPT, 1);
  edns.writeUInt16BE(UDP_PAYLOAD, 3);
  return Buffer.concat([header, ...labels, question, edns]);
}

/** @throws RangeError what is no DNS message. Records of other types, and with names that no host or service has, are passed over */
export function decodeResponse(message: Uint8Array): DnsResponse {
  const reader = new MessageReader(message);
  const id = reader.uint16();
  const flags = reader.uint16();
  const [questions = 0, answers = 0, authorities = 0, additional = 0] = Array.from({ length: 4 }, () => reader.uint16());
  let question: DnsQuestion | undefined;
  for (let i = 0; i < questions; i++) question = readQuestion(reader, questions);
  const head = { id, isResponse: (flags & 0x8000) !== 0 && (flags & 0x7800) === 0, truncated: (flags & 0x0200) !== 0, code: flags & 0x000f, question };
  // What was cut off may end in the middle of a record, and is not used.
  if (head.truncated) return { ...head, answers: [], additional: [], negativeTtl: 0, isReferral: false };
  const answered = readRecords(reader, answers);
  const authority = readAuthority(reader, authorities);
  return { ...head, answers: answered, ...authority, additional: readRecords(reader, additional) };
}

function readQuestion(reader: MessageReader, count: number): DnsQuestion | undefined {
  const name = reader.name();
  const type = reader.uint16();
  const isInternet = reader.uint16() === CLASS_IN;
  const known = (Object.keys(TYPES) as QuestionType[]).find((candidate) => TYPES[candidate] === type);
  return count === 1 && name !== undefined && known !== undefined && isInternet ? { name, type: known } : undefined;
}

interface RecordHead {
  readonly name: string | undefined;
  readonly type: number;
  readonly ttl: number;
  readonly isInternet: boolean;
  /** Where the record ends. */
  readonly end: number;
}

function readHead(reader: MessageReader): RecordHead {
  const name = reader.name();
  const type = reader.uint16();
  const isInternet = reader.uint16() === CLASS_IN;
  const ttl = reader.uint32();
  const length = reader.uint16();
  // RFC 2181 8: with the first bit set it counts as 0.
  return { name, type, isInternet, ttl: ttl > 0x7fff_ffff ? 0 : ttl, end: reader.offset + length };
}

function readRecords(reader: MessageReader, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < count; i++) {
    const head = readHead(reader);
    const record = head.isInternet && head.name !== undefined ? readData(reader, head, head.name) : undefined;
    if (record !== undefined && reader.offset !== head.end) throw new RangeError('a record is longer or shorter than it says');
    reader.moveTo(head.end);
    if (record !== undefined) records.push(record);
  }
  return records;
}

function readData(reader: MessageReader, { type, ttl }: RecordHead, name: string): DnsRecord | undefined {
  if (type === TYPES.A) return { type: 'A', name, ttl, address: formatIpv4(reader.bytes(4)) };
  if (type === TYPES.AAAA) return { type: 'AAAA', name, ttl, address: formatIpv6(reader.bytes(16)) };
  if (type === TYPE_CNAME) {
    const target = reader.name();
    return target === undefined ? undefined : { type: 'CNAME', name, ttl, target };
  }
  if (type !== TYPES.SRV) return undefined;
  const [priority = 0, weight = 0, port = 0] = [reader.uint16(), reader.uint16(), reader.uint16()];
  const target = reader.name();
  return target === undefined ? undefined : { type: 'SRV', name, ttl, priority, weight, port, target };
}

function readAuthority(reader: MessageReader, count: number): Pick<DnsResponse, 'negativeTtl' | 'isReferral'> {
  let negativeTtl = 0;
  let startOfAuthority = false;
  let otherServers = false;
  for (let i = 0; i < count; i++) {
    const head = readHead(reader);
    if (head.type === TYPE_NS) otherServers = true;
    if (head.type === TYPE_SOA) {
      startOfAuthority = true;
      // The last of its fields is MINIMUM, which bounds how long nothing is nothing.
      reader.moveTo(head.end - 4);
      negativeTtl = Math.min(head.ttl, reader.uint32());
    }
    reader.moveTo(head.end);
  }
  return { negativeTtl, isReferral: otherServers && !startOfAuthority };
}
