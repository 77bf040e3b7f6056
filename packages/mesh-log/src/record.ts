import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Longest record, in bytes of its line. */
export const MAX_RECORD_BYTES = 8 * 1024 * 1024;

/** What was found after an unclean end: records `from` … `to - 1` were in the file, but no checkpoint says that they are genuine. */
export interface UncleanEnd {
  /** Size of the last checkpoint. */
  readonly from: number;
  readonly to: number;
  /** Bytes that stood behind the last record and were none: an incomplete line, which was cut, or what a loss of power tore, which was left where it is. */
  readonly cutBytes: number;
}

/** What a record says about the log itself rather than about an event. */
export type OwnRecord = { readonly time: string } & (
  | {
      /** First record of each segment. */
      readonly log: 'segment';
      /** Base64 SHA-256 of the segment's header line: what binds it to the tree. */
      readonly header: string;
      /** Where the log goes on in a new segment after an unclean end: a record of its own could be lost behind the boundary's checkpoint. */
      readonly recovered?: UncleanEnd;
    }
  | { readonly log: 'opened' }
  | { readonly log: 'closed' }
  | ({ readonly log: 'recovered' } & UncleanEnd)
  | { readonly log: 'retired'; readonly segments: readonly string[]; readonly from: number; readonly to: number; /** Base64 root at `to`. */ readonly root: string }
  | { readonly log: 'compressed'; readonly segment: string; /** Base64, of the .gz. */ readonly sha256: string; /** Of the plain segment. */ readonly bytes: number }
  | { readonly log: 'key_rotated'; /** Verifier keys. */ readonly from: string; readonly to: string }
);

/** Each kind of own record without its time. */
type Untimed<Each> = Each extends OwnRecord ? Omit<Each, 'time'> : never;

/** JSON of an own record. `log` comes first: that tells it from an event. @param now ms since 1970 */
export function ownJson({ log, ...more }: Untimed<OwnRecord>, now: number): string {
  return JSON.stringify({ log, time: new Date(now).toISOString(), ...more });
}

/** The start of a record's line, up to where its event begins: index and the leaf before, in base64 (PROTOCOL 7.1). */
export const recordPrefix = (index: number, previousLeaf: string): string => `{"n":${index},"prev":"${previousLeaf}"`;

/** Names that an event cannot have: they are the record's. */
const RESERVED = ['n', 'prev', 'log'];
const OWN_MARK = Buffer.from(',"log":"');

/**
 * JSON of an event. A string is taken as it is: one object, as `JSON.stringify` gives it, without `n`, `prev` and `log` of its own.
 * @throws MeshError `log_record_invalid`
 */
export function eventJson(event: object | string): string {
  if (typeof event !== 'string') {
    for (const name of RESERVED) if (Object.hasOwn(event, name)) throw new MeshError('log_record_invalid', `an event may not have a member '${name}'`);
  }
  let json: string | undefined;
  try {
    json = typeof event === 'string' ? event : JSON.stringify(event);
  } catch (cause) {
    throw new MeshError('log_record_invalid', 'the event has no JSON form', { cause });
  }
  if (json === undefined || !json.startsWith('{') || !json.endsWith('}') || json.includes('\n') || json.includes('\0') || json.startsWith('{"log"')) {
    throw new MeshError('log_record_invalid', 'a record is one JSON object on one line');
  }
  return json;
}

/** The log's own record in a line, or `undefined` for an event. `prefixBytes`: where {@link recordPrefix} ends. @throws MeshError `log_tampered` */
export function ownRecord(line: Buffer, prefixBytes: number): OwnRecord | undefined {
  if (line.compare(OWN_MARK, 0, OWN_MARK.length, prefixBytes, Math.min(line.length, prefixBytes + OWN_MARK.length)) !== 0) return undefined;
  let cause: unknown;
  try {
    const record = JSON.parse(line.toString()) as OwnRecord;
    if (isWellFormed(record)) return record;
  } catch (error) {
    cause = error;
  }
  throw new MeshError('log_tampered', "one of the log's own records has been altered", { cause });
}

/** Of what JSON gave: in a log that was altered anything may stand there. Kinds that later versions add are passed over. */
function isWellFormed(record: OwnRecord): boolean {
  if (!isText(record.time)) return false;
  switch (record.log) {
    case 'segment':
      return isText(record.header) && (record.recovered === undefined || isUncleanEnd(record.recovered));
    case 'recovered':
      return isUncleanEnd(record);
    case 'retired':
      return isCount(record.from) && isCount(record.to) && isText(record.root) && Array.isArray(record.segments) && record.segments.every(isText);
    case 'compressed':
      return isText(record.segment) && isText(record.sha256) && isCount(record.bytes);
    case 'key_rotated':
      return isText(record.from) && isText(record.to);
    default:
      return true;
  }
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isUncleanEnd = (end: UncleanEnd | null): boolean => end !== null && isCount(end.from) && isCount(end.to) && isCount(end.cutBytes);

/** The line of a checkpoint, newline included. It stands between records and is none: it counts nothing, and nothing chains to it. */
export const checkpointLine = (note: string): string => `${JSON.stringify({ checkpoint: note })}\n`;

const CHECKPOINT_MARK = '{"checkpoint":"';

/** The note in a checkpoint's line, or `undefined` for any other line. @throws MeshError `log_tampered` for one in another form than {@link checkpointLine} gives */
export function checkpointNote(line: Buffer): string | undefined {
  if (line.toString('latin1', 0, CHECKPOINT_MARK.length) !== CHECKPOINT_MARK) return undefined;
  const text = line.toString();
  try {
    const { checkpoint } = JSON.parse(text) as { checkpoint: string };
    if (checkpointLine(checkpoint) === `${text}\n`) return checkpoint;
  } catch {
    // Falls through to the same answer.
  }
  throw new MeshError('log_tampered', 'a checkpoint has been altered');
}
