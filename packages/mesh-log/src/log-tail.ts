import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { encodeBatch, type LogEnd } from './batch-encoder.js';
import { signCheckpoint, type SignedCheckpoint } from './checkpoint.js';
import { errorCode, type FileSystem } from './file-system.js';
import { sha256 } from './leaf.js';
import { checkpointLine, ownJson, type UncleanEnd } from './record.js';
import { formatHeader, nextHeader, type AbandonedSegment } from './segment.js';
import { SegmentWriter } from './segment-writer.js';
import type { SigningKey } from './signing-key.js';

/** Most bytes of records that are acknowledged and not synced: they are kept, to be written again. */
const MAX_UNSYNCED_BYTES = 4 * 1024 * 1024;

/** What the end of a log is written with. */
export interface LogTailContext {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly origin: string;
  readonly clock: Clock;
  /** Whether a commit is synced before it is acknowledged. Checkpoints always are. */
  readonly durable: boolean;
}

/** Where the log stands. */
export interface LogTailStart {
  readonly end: LogEnd;
  /** The key in force. */
  readonly key: SigningKey;
  /** Absent: a new segment is begun. */
  readonly segment?: { readonly writer: SegmentWriter; readonly openedAt: number };
  /** For the next segment. */
  readonly nextNumber: number;
  /** What its header says was given up. Default nothing. */
  readonly abandoned?: readonly AbandonedSegment[];
  /** Becomes the first record. */
  readonly uncleanEnd?: UncleanEnd;
}

/** What a commit made durable. */
export interface Committed {
  /** Index of the caller's first record. */
  readonly first: number;
  readonly checkpoint?: SignedCheckpoint;
}

/**
 * The end of a log on disk: its last segment and what the next record chains to. One operation at a time. One that throws leaves the end
 * where it was, so that it can be tried again.
 */
export class LogTail {
  readonly #context: LogTailContext;
  #end: LogEnd;
  /** Where it was when it was last synced, and what came since: only where commits are not synced is there any. */
  #synced: LogEnd;
  #unsynced: { readonly records: string[]; bytes: number } = { records: [], bytes: 0 };
  /** Was acknowledged, and comes first in the next commit: its file was given up before it was synced. */
  #again: readonly string[] = [];
  #segment: SegmentWriter | undefined;
  /** A new segment was tried, and may be on the disk already, with all that the one before holds in its header: that takes no more. */
  #isBeginning = false;
  #openedAt: number;
  #nextNumber: number;
  #abandoned: AbandonedSegment[] = [];
  #uncleanEnd: UncleanEnd | undefined;
  #key: SigningKey;
  /** No checkpoint of both keys is there yet; its `key_rotated` record is in the segment, or is to be written to it. */
  #keyChange: { readonly next: SigningKey; readonly record: string; readonly isWritten: boolean } | undefined;
  #checkpointSize: number;

  constructor(context: LogTailContext, { end, key, segment, nextNumber, abandoned = [], uncleanEnd }: LogTailStart) {
    this.#context = context;
    this.#end = end;
    this.#synced = end;
    this.#key = key;
    this.#segment = segment?.writer;
    this.#openedAt = segment?.openedAt ?? 0;
    this.#nextNumber = nextNumber;
    this.#abandoned = [...abandoned];
    this.#uncleanEnd = uncleanEnd;
    this.#checkpointSize = end.tree.size;
  }

  /** Records that are in the log. */
  get size(): number {
    return this.#end.tree.size;
  }

  /** Records that the last checkpoint covers. */
  get checkpointSize(): number {
    return this.#checkpointSize;
  }

  /** The segment that is written to; absent where the next one must be begun first. */
  get segment(): { readonly openedAt: number; readonly bytes: number } | undefined {
    return this.#segment === undefined || this.#isBeginning ? undefined : { openedAt: this.#openedAt, bytes: this.#segment.size };
  }

  /** There are records to commit, whether callers have some or not, and before any checkpoint. */
  get hasOwnRecords(): boolean {
    return this.#uncleanEnd !== undefined || this.#again.length > 0 || this.#keyChange?.isWritten === false;
  }

  /** The next checkpoint that is no boundary completes a change of key. */
  get isChangingKey(): boolean {
    return this.#keyChange !== undefined;
  }

  /** A `key_rotated` record was committed: both keys sign the next checkpoint, then the new one alone. */
  changeKey(next: SigningKey, record: string): void {
    this.#keyChange = { next, record, isWritten: true };
  }

  /**
   * Begins the next segment; its boundary is a checkpoint over everything before. A change of key that is under way begins anew in it: once
   * the segments before are retired, nothing else says why a second key signs.
   */
  async beginSegment(): Promise<SignedCheckpoint> {
    const { fileSystem, directory, origin } = this.#context;
    const checkpoint = await this.#sign([this.#key]);
    const header = formatHeader(
      nextHeader(this.#nextNumber, { origin, key: this.#key.verifierKey(origin), ...this.#end, abandoned: this.#abandoned }),
    );
    const own = this.#own({ log: 'segment', header: sha256(Buffer.from(header)).toString('base64'), ...(this.#uncleanEnd && { recovered: this.#uncleanEnd }) });
    const { bytes, end } = encodeBatch(this.#end, `${header}\n${checkpointLine(checkpoint.note)}`, [own], own.length);
    const openedAt = this.#context.clock.now();
    const before = this.#segment;
    this.#isBeginning = true;
    this.#segment = await this.#create(fileSystem, directory, bytes);
    this.#isBeginning = false;
    this.#isSynced(end());
    this.#openedAt = openedAt;
    this.#nextNumber += 1;
    this.#abandoned = [];
    this.#uncleanEnd = undefined;
    if (this.#keyChange !== undefined) this.#keyChange = { ...this.#keyChange, isWritten: false };
    this.#checkpointSize = checkpoint.size;
    // All of it is synced: what closing it says no longer matters.
    await before?.close().catch(() => undefined);
    return checkpoint;
  }

  /** Appends records, behind a checkpoint over those before where that is wanted, in one write and one sync. */
  async commit(records: readonly string[], recordBytes: number, withCheckpoint: boolean): Promise<Committed> {
    const segment = this.#segment as SegmentWriter;
    const own = this.#ownRecords();
    const checkpoint = withCheckpoint ? await this.#sign([this.#key, ...(this.#keyChange?.isWritten === true ? [this.#keyChange.next] : [])]) : undefined;
    const front = checkpoint === undefined ? '' : checkpointLine(checkpoint.note);
    // The disk is asked while the records are encoded. An answer that nobody waits for yet is no unhandled rejection.
    const unchanged = segment.check();
    unchanged.catch(() => undefined);
    const batch = encodeBatch(this.#end, front, own.concat(records), recordBytes + Buffer.byteLength(own.join('')));
    await unchanged;
    const durable = this.#context.durable || checkpoint !== undefined || own.length > 0 || this.#unsynced.bytes + recordBytes > MAX_UNSYNCED_BYTES;
    const written = segment.append(batch.bytes, durable);
    const end = batch.end();
    await written;
    const first = this.size + own.length;
    if (durable) this.#isSynced(end);
    else this.#isWritten(end, records, recordBytes);
    if (checkpoint !== undefined) this.#isSigned(checkpoint);
    this.#ownRecordsAreWritten();
    return { first, ...(checkpoint !== undefined && { checkpoint }) };
  }

  /**
   * After a failure: lets go of a file that was given up, so that the log goes on in a new one, which begins with what was acknowledged and is
   * not synced in the old one. Tells whether there was one.
   */
  abandonSegment(): boolean {
    if (this.#segment?.state !== 'given up') return false;
    this.#abandoned.push({ segment: this.#segment.number, bytes: this.#segment.syncedSize });
    this.#segment = undefined;
    this.#end = this.#synced;
    this.#again = [...this.#again, ...this.#unsynced.records];
    this.#unsynced = { records: [], bytes: 0 };
    return true;
  }

  async close(): Promise<void> {
    await this.#segment?.close();
    this.#segment = undefined;
  }

  /** Only roots of synced records are signed (PROTOCOL 7.2). */
  async #sign(signers: readonly SigningKey[]): Promise<SignedCheckpoint> {
    await this.#segment?.sync();
    if (this.#segment !== undefined) this.#isSynced(this.#end);
    const { tree } = this.#end;
    return signCheckpoint({ origin: this.#context.origin, size: tree.size, root: tree.root() }, signers);
  }

  #ownRecords(): string[] {
    return [
      ...(this.#uncleanEnd === undefined ? [] : [this.#own({ log: 'recovered', ...this.#uncleanEnd })]),
      ...(this.#keyChange?.isWritten === false ? [this.#keyChange.record] : []),
      ...this.#again,
    ];
  }

  #ownRecordsAreWritten(): void {
    this.#uncleanEnd = undefined;
    this.#again = [];
    if (this.#keyChange?.isWritten === false) this.#keyChange = { ...this.#keyChange, isWritten: true };
  }

  #isSigned({ size }: SignedCheckpoint): void {
    this.#checkpointSize = size;
    if (this.#keyChange?.isWritten !== true) return;
    this.#key = this.#keyChange.next;
    this.#keyChange = undefined;
  }

  #isSynced(end: LogEnd): void {
    [this.#end, this.#synced] = [end, end];
    if (this.#unsynced.records.length > 0) this.#unsynced = { records: [], bytes: 0 };
  }

  #isWritten(end: LogEnd, records: readonly string[], recordBytes: number): void {
    this.#end = end;
    for (const record of records) this.#unsynced.records.push(record);
    this.#unsynced.bytes += recordBytes;
  }

  async #create(fileSystem: FileSystem, directory: string, bytes: Uint8Array): Promise<SegmentWriter> {
    try {
      return await SegmentWriter.create(fileSystem, directory, this.#nextNumber, bytes);
    } catch (cause) {
      if (errorCode(cause) === 'EEXIST') {
        // Left over from an attempt whose file could not be removed: said to be empty, and passed over.
        this.#abandoned.push({ segment: this.#nextNumber, bytes: 0 });
        this.#nextNumber += 1;
      }
      throw new MeshError('log_write_failed', `no segment can be made in '${directory}' (${errorCode(cause)})`, { cause });
    }
  }

  #own(record: Parameters<typeof ownJson>[0]): string {
    return ownJson(record, this.#context.clock.now());
  }
}
