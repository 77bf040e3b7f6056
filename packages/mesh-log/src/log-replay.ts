import { MeshError } from '@lemur-bookstores/mesh-interface';
import { readCheckpoint, type SignedCheckpoint } from './checkpoint.js';
import { nextTimes, type LogTimes } from './clock-watch.js';
import { leafHash, NO_LEAF, sha256 } from './leaf.js';
import { MerkleTree } from './merkle-tree.js';
import { checkpointNote, ownRecord, recordPrefix, type OwnRecord, type UncleanEnd } from './record.js';
import { formatHeader, nextHeader, parseHeader, type SegmentHeader } from './segment.js';
import { NoteVerifier, openNote } from './signed-note.js';

/** What reading an altered line throws: in a log a key that is none is no wrong option. */
const LOOKS_ALTERED: ReadonlySet<string> = new Set(['log_tampered', 'note_invalid', 'invalid_option']);

/** What a line turned out to be. */
export type ReplayedLine =
  | { readonly kind: 'header'; readonly header: SegmentHeader }
  | {
      readonly kind: 'checkpoint';
      readonly checkpoint: SignedCheckpoint;
      /** Empty where signatures are left for {@link LogReplay.settle}. */
      readonly signers: readonly NoteVerifier[];
    }
  | { readonly kind: 'record'; readonly index: number; readonly own?: OwnRecord };

/** Where a log stops fitting itself: in `details` of a MeshError `log_tampered`. */
export interface TamperDetails {
  /** The first record that cannot be trusted. */
  readonly record: number;
}

/**
 * Reads a log's lines in order and checks that each fits all before it: index, chain, tree, header, checkpoint. Every other line throws
 * MeshError `log_tampered`. Whether the keys that signed are the right ones is for the caller to say: a log vouches for itself only.
 */
export class LogReplay {
  tree = MerkleTree.empty();
  previousLeaf = NO_LEAF;
  origin: string | undefined;
  /** The key in force. */
  key: NoteVerifier | undefined;
  /** Size of the last checkpoint. */
  checkpointSize = 0;
  /** By the log's own records. */
  times: LogTimes | undefined;
  /** Named by a `key_rotated` record; in force once a checkpoint is signed by both. */
  #nextKey: NoteVerifier | undefined;
  #expected: 'header' | 'boundary' | 'first record' | 'any' = 'header';
  #segment = 0;
  #headerHash = '';
  /** Size of the last checkpoint before the segment's boundary; absent where the log begins with the segment. */
  #sizeBefore: number | undefined;
  #unsettled: { readonly note: string; readonly tree: MerkleTree } | undefined;
  readonly #checkpoints: 'each' | 'last';

  /** @param checkpoints `last` checks only the last one, in {@link settle}: chain and tree bind the earlier ones' records anyway */
  constructor(checkpoints: 'each' | 'last') {
    this.#checkpoints = checkpoints;
  }

  /** The next line is the header of this segment. */
  startSegment(number: number): void {
    this.#expected = 'header';
    this.#segment = number;
  }

  /** @throws MeshError `log_tampered` with {@link TamperDetails} */
  take(line: Buffer): ReplayedLine {
    try {
      if (this.#expected === 'header') return this.#header(line);
      const note = this.#expected === 'first record' ? undefined : checkpointNote(line);
      if (note !== undefined) return this.#checkpoint(note);
      if (this.#expected === 'boundary') throw tampered(this.tree.size, 'a segment does not begin with a checkpoint');
      return this.#record(line);
    } catch (error) {
      const { reason, text, details } = MeshError.from(error);
      if (!LOOKS_ALTERED.has(reason)) throw error;
      throw details === undefined ? tampered(this.checkpointSize, text, error) : error;
    }
  }

  /** Checks the checkpoint that was left for last. @throws MeshError `log_tampered` */
  settle(): void {
    const unsettled = this.#unsettled;
    this.#unsettled = undefined;
    if (unsettled === undefined) return;
    try {
      this.#verify(unsettled.note, unsettled.tree);
    } catch (error) {
      throw tampered(this.checkpointSize, MeshError.from(error).text, error);
    }
  }

  /**
   * A line behind a torn one, which is no part of the log: nothing was acknowledged from there on. A checkpoint of more records than there are
   * says that it was: then it was no loss of power that tore the line.
   * @throws MeshError `log_tampered`
   */
  passOver(line: Buffer): void {
    const size = this.#signedSize(line);
    if (size > this.tree.size) throw tampered(this.tree.size, `record ${this.tree.size} is damaged, and a checkpoint of ${size} records is behind it`);
  }

  #signedSize(line: Buffer): number {
    try {
      const note = checkpointNote(line);
      if (note === undefined || this.key === undefined) return 0;
      openNote(note, [this.key]);
      return readCheckpoint(note).size;
    } catch {
      return 0;
    }
  }

  #header(line: Buffer): ReplayedLine {
    const header = parseHeader(line);
    const { first, origin, key } = header;
    if (first < this.tree.size) throw tampered(first, `segment ${this.#segment} begins at record ${first}, which is in an earlier one`);
    if (header.segment !== this.#segment || (this.origin !== undefined && origin !== this.origin)) {
      throw tampered(this.tree.size, `in the place of segment ${this.#segment} stands another`);
    }
    this.#sizeBefore = this.checkpointSize;
    if (first > this.tree.size || this.key === undefined) this.#beginAt(header);
    const expected = nextHeader(this.#segment, { origin, key: String(this.key), tree: this.tree, previousLeaf: this.previousLeaf, abandoned: header.abandoned });
    if (key !== String(this.key) || formatHeader(expected) !== line.toString()) {
      // Which of the two was altered, nothing says.
      throw tampered(this.checkpointSize, `the header of segment ${this.#segment} does not fit the records before it`);
    }
    this.#headerHash = sha256(line).toString('base64');
    this.#expected = 'boundary';
    return { kind: 'header', header };
  }

  /** Without the records before it, a header can only be taken at its word: the next checkpoint binds its range to the tree. */
  #beginAt({ origin, key, first, prev, range }: SegmentHeader): void {
    this.origin = origin;
    this.key = NoteVerifier.parse(key);
    this.#nextKey = undefined;
    this.tree = MerkleTree.fromRange(first, range.map((hash) => Buffer.from(hash, 'base64')));
    this.previousLeaf = prev;
    this.checkpointSize = first;
    this.#sizeBefore = undefined;
  }

  #checkpoint(note: string): ReplayedLine {
    const deferred = this.#checkpoints === 'last' && this.#nextKey === undefined && this.#expected === 'any';
    const checkpoint = readCheckpoint(note);
    if (checkpoint.size !== this.tree.size) throw tampered(this.checkpointSize, `a checkpoint of ${checkpoint.size} records stands after ${this.tree.size}`);
    const signers = deferred ? [] : this.#verify(note, this.tree);
    this.#unsettled = deferred ? { note, tree: this.tree.clone() } : undefined;
    this.checkpointSize = this.tree.size;
    this.#expected = this.#expected === 'boundary' ? 'first record' : 'any';
    return { kind: 'checkpoint', checkpoint, signers };
  }

  #verify(note: string, tree: MerkleTree): readonly NoteVerifier[] {
    const key = this.key as NoteVerifier;
    const checkpoint = readCheckpoint(note);
    if (checkpoint.origin !== this.origin) throw tampered(this.checkpointSize, 'a checkpoint is of another log');
    if (!checkpoint.root.equals(tree.root())) throw tampered(this.checkpointSize, `the checkpoint of ${tree.size} records does not fit them`);
    const { signers, signatures } = openNote(note, this.#nextKey === undefined ? [key] : [key, this.#nextKey]);
    if (!signers.includes(key) || signatures.length !== signers.length) throw tampered(this.checkpointSize, 'a checkpoint is signed by a stranger');
    // Signed by the old key alone, the rotation did not come to its end.
    if (this.#nextKey !== undefined && signers.includes(this.#nextKey)) this.key = this.#nextKey;
    this.#nextKey = undefined;
    return signers;
  }

  #record(line: Buffer): ReplayedLine {
    const index = this.tree.size;
    const prefix = recordPrefix(index, this.previousLeaf);
    // Where only the link is wrong, it is the record before that was altered.
    if (line.toString('latin1', 0, prefix.length) !== prefix) {
      const linkOnly = line.toString('latin1', 0, prefix.length).startsWith(`{"n":${index},`) && index > this.checkpointSize;
      throw tampered(linkOnly ? index - 1 : index, `record ${index} does not follow the one before it`);
    }
    // JSON has no zero byte, and a file that lost power may.
    if (line.includes(0)) throw tampered(index, `record ${index} holds a zero byte`);
    const own = ownRecord(line, prefix.length);
    if ((own?.log === 'segment') !== (this.#expected === 'first record')) throw tampered(index, 'the first record of a segment is not where it belongs');
    if (own?.log === 'segment' && own.header !== this.#headerHash) throw tampered(index, `the header of segment ${this.#segment} has been altered`);
    if (own?.log === 'recovered') this.#checkUncleanEnd(own, this.checkpointSize);
    if (own?.log === 'segment' && own.recovered !== undefined) this.#checkUncleanEnd(own.recovered, this.#sizeBefore);
    if (own?.log === 'key_rotated') this.#nextKey = NoteVerifier.parse(own.to);
    if (own !== undefined) this.times = nextTimes(this.times, Date.parse(own.time));
    const leaf = leafHash(line);
    this.tree.append(leaf);
    this.previousLeaf = leaf.toString('base64');
    this.#expected = 'any';
    return own === undefined ? { kind: 'record', index } : { kind: 'record', index, own };
  }

  /** The record of an unclean end comes right behind what it tells of: no other range can be passed off as that. */
  #checkUncleanEnd({ from, to }: UncleanEnd, checkpointSize: number | undefined): void {
    const { size } = this.tree;
    if (to !== size || from > to || (checkpointSize !== undefined && from !== checkpointSize)) throw tampered(size, `record ${size} tells of an unclean end that is not before it`);
  }
}

const tampered = (record: number, what: string, cause?: unknown): MeshError =>
  new MeshError('log_tampered', what, { cause, details: { record } satisfies TamperDetails });
