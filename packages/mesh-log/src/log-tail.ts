import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { encodeBatch, type LogEnd } from './batch-encoder.js';
import { signCheckpoint, type SignedCheckpoint } from './checkpoint.js';
import { errorCode, type FileSystem } from './file-system.js';
import { sha256 } from './leaf.js';
import { checkpointLine, ownJson, type UncleanEnd } from './record.js';
import { formatHeader, nextHeader, type AbandonedSegment } from './segment.js';
import { SegmentWriter } from './segment-writer.js';
import type { SigningKey } from './signing-key.js';

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
  #segment: SegmentWriter | undefined;
  #openedAt: number;
  #nextNumber: number;
  #abandoned: AbandonedSegment[] = [];
  #uncleanEnd: UncleanEnd | undefined;
  #key: SigningKey;
  /** A `key_rotated` record is in the log, and no checkpoint of both keys yet. */
  #keyChange: { readonly next: SigningKey; readonly record: string } | undefined;
  #checkpointSize: number;

  constructor(context: LogTailContext, { end, key, segment, nextNumber, uncleanEnd }: LogTailStart) {
    this.#context = context;
    this.#end = end;
    this.#key = key;
    this.#segment = segment?.writer;
    this.#openedAt = segment?.openedAt ?? 0;
    this.#nextNumber = nextNumber;
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
    return this.#segment === undefined ? undefined : { openedAt: this.#openedAt, bytes: this.#segment.size };
  }

  /** The next record is that of an unclean end: no checkpoint may come before it. */
  get mustRecordUncleanEnd(): boolean {
    return this.#uncleanEnd !== undefined;
  }

  /** The next checkpoint that is no boundary completes a change of key. */
  get isChangingKey(): boolean {
    return this.#keyChange !== undefined;
  }

  /** A `key_rotated` record was committed: both keys sign the next checkpoint, then the new one alone. */
  changeKey(next: SigningKey, record: string): void {
    this.#keyChange = { next, record };
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
    const own = [
      this.#own({ log: 'segment', header: sha256(Buffer.from(header)).toString('base64'), ...(this.#uncleanEnd && { recovered: this.#uncleanEnd }) }),
      ...(this.#keyChange === undefined ? [] : [this.#keyChange.record]),
    ];
    const { bytes, end } = encodeBatch(this.#end, `${header}\n${checkpointLine(checkpoint.note)}`, own, own.join('').length);
    const openedAt = this.#context.clock.now();
    const before = this.#segment;
    this.#segment = await this.#create(fileSystem, directory, bytes);
    this.#end = end();
    this.#openedAt = openedAt;
    this.#nextNumber += 1;
    this.#abandoned = [];
    this.#uncleanEnd = undefined;
    this.#checkpointSize = checkpoint.size;
    // All of it is synced: what closing it says no longer matters.
    await before?.close().catch(() => undefined);
    return checkpoint;
  }

  /** Appends records, behind a checkpoint over those before where that is wanted, in one write and one sync. */
  async commit(records: readonly string[], recordBytes: number, withCheckpoint: boolean): Promise<Committed> {
    const segment = this.#segment as SegmentWriter;
    const own = this.#uncleanEnd === undefined ? [] : [this.#own({ log: 'recovered', ...this.#uncleanEnd })];
    const checkpoint = withCheckpoint ? await this.#sign([this.#key, ...(this.#keyChange === undefined ? [] : [this.#keyChange.next])]) : undefined;
    const front = checkpoint === undefined ? '' : checkpointLine(checkpoint.note);
    // The disk is asked while the records are encoded. An answer that nobody waits for yet is no unhandled rejection.
    const unchanged = segment.check();
    unchanged.catch(() => undefined);
    const batch = encodeBatch(this.#end, front, own.concat(records), recordBytes + own.join('').length);
    await unchanged;
    const written = segment.append(batch.bytes, this.#context.durable || checkpoint !== undefined);
    const end = batch.end();
    await written;
    const first = this.size + own.length;
    this.#end = end;
    this.#uncleanEnd = undefined;
    if (checkpoint === undefined) return { first };
    this.#checkpointSize = checkpoint.size;
    this.#key = this.#keyChange?.next ?? this.#key;
    this.#keyChange = undefined;
    return { first, checkpoint };
  }

  /** After a failure: lets go of a file that was given up, so that the log goes on in a new one. Tells whether there was one. */
  abandonSegment(): boolean {
    if (this.#segment?.state !== 'given up') return false;
    this.#abandoned.push({ segment: this.#segment.number, bytes: this.#segment.size });
    this.#segment = undefined;
    return true;
  }

  async close(): Promise<void> {
    await this.#segment?.close();
    this.#segment = undefined;
  }

  /** Only roots of synced records are signed (PROTOCOL 7.2). */
  async #sign(signers: readonly SigningKey[]): Promise<SignedCheckpoint> {
    await this.#segment?.sync();
    const { tree } = this.#end;
    return signCheckpoint({ origin: this.#context.origin, size: tree.size, root: tree.root() }, signers);
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
