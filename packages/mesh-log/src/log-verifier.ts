import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from './file-system.js';
import { LogReplay, type ReplayedLine, type TamperDetails } from './log-replay.js';
import { sha256Of } from './compression.js';
import type { OwnRecord, UncleanEnd } from './record.js';
import { listSegments, type SegmentFile } from './segment.js';
import { endsOf, readHeads } from './segment-head.js';
import { readLines } from './segment-lines.js';
import type { Trust } from './trust.js';
import type { LogVerification, RecordRange, UnauthenticatedRange, VerificationProblem } from './verification.js';

/** Verifies one log: reads it once, in bounded memory. */
export class LogVerifier {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #trustFor: (origin: string) => Trust;
  readonly #replay = new LogReplay('each');
  #trust: Trust | undefined;
  #segment: SegmentFile | undefined;
  #checkpoints = 0;
  /** Records before it are under a checkpoint of a trusted key; absent where there is none. */
  #signedSize: number | undefined;
  /** Kept checkpoints that were met. */
  #keptSize = 0;
  /** Records before it are no longer there. */
  #missing = 0;
  #missingFrom = 0;
  #missingRoot = '';
  #closed = false;
  /** With the size of the largest checkpoint that can be from before the crash. */
  readonly #unclean: (UncleanEnd & { readonly shownUpTo: number })[] = [];
  readonly #retired: (RecordRange & { readonly index: number; readonly root: string })[] = [];
  readonly #compressed = new Map<string, string>();

  constructor(fileSystem: FileSystem, directory: string, trustFor: (origin: string) => Trust) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#trustFor = trustFor;
  }

  async verify(): Promise<LogVerification> {
    try {
      const files = await listSegments(this.#fileSystem, this.#directory);
      if (files.length === 0) return this.#result({ record: 0, text: 'there is no log' });
      await this.#readAll(files);
      return this.#result(await this.#conclude(files));
    } catch (error) {
      const { reason, text, details } = MeshError.from(error);
      if (reason !== 'log_tampered' && reason !== 'note_invalid') throw error;
      const record = (details as TamperDetails | undefined)?.record ?? this.#replay.tree.size;
      return this.#result({ record, ...(this.#segment && { segment: this.#segment.name }), text });
    }
  }

  async #readAll(files: readonly SegmentFile[]): Promise<void> {
    const heads = await readHeads(this.#fileSystem, files);
    const ends = endsOf(heads);
    for (const [index, { file, header }] of heads.entries()) {
      this.#segment = file;
      // A file whose records are all in a later one was given up before any of them was acknowledged.
      if (ends.get(file.number) === 0) continue;
      if (index === 0 || header.first > this.#replay.tree.size) [this.#missingFrom, this.#missing] = [this.#replay.tree.size, header.first];
      await this.#readSegment(file, ends.get(file.number), index === heads.length - 1);
    }
  }

  async #readSegment(file: SegmentFile, endBytes: number | undefined, isLast: boolean): Promise<void> {
    this.#replay.startSegment(file.number);
    for await (const { lines, incompleteBytes = 0 } of readLines(this.#fileSystem, file, endBytes)) {
      for (const line of lines) this.#took(this.#replay.take(line));
      if (incompleteBytes === 0) continue;
      this.#closed = false;
      if (!isLast) throw new MeshError('log_tampered', `'${file.name}' does not end with a whole line`);
    }
  }

  #took(line: ReplayedLine): void {
    if (line.kind === 'header') {
      this.#trust ??= this.#trustFor(line.header.origin);
      if (line.header.first === this.#missing) this.#missingRoot = this.#replay.tree.root().toString('base64');
      this.#meetKept();
    } else if (line.kind === 'checkpoint') {
      this.#checkpoints += 1;
      if (this.#trust?.vouched(line.signers) === true) this.#signedSize = line.checkpoint.size;
    } else {
      this.#closed = line.own?.log === 'closed';
      if (line.own !== undefined) this.#tookOwn(line.index, line.own);
      this.#meetKept();
    }
  }

  #tookOwn(index: number, own: OwnRecord): void {
    // The boundary of a segment that says so itself was signed after the crash, with the records in question in it.
    if (own.log === 'recovered') this.#unclean.push({ ...own, shownUpTo: own.to });
    else if (own.log === 'segment' && own.recovered !== undefined) this.#unclean.push({ ...own.recovered, shownUpTo: own.recovered.to - 1 });
    else if (own.log === 'retired') this.#retired.push({ index, from: own.from, to: own.to, root: own.root });
    else if (own.log === 'compressed') this.#compressed.set(own.segment, own.sha256);
  }

  /** A checkpoint that was kept of just this size must have just this root. */
  #meetKept(): void {
    const { tree } = this.#replay;
    for (const { size, root } of this.#trust?.kept ?? []) {
      if (size !== tree.size) continue;
      if (!root.equals(tree.root())) throw new MeshError('log_tampered', `the log is not the one that the kept checkpoint of ${size} records was signed for`, { details: { record: this.#keptSize } });
      this.#keptSize = size;
    }
  }

  /** What only the whole log shows. */
  async #conclude(files: readonly SegmentFile[]): Promise<VerificationProblem | undefined> {
    this.#segment = undefined;
    const { size } = this.#replay.tree;
    const largest = this.#trust?.kept.at(-1)?.size ?? 0;
    if (largest > size) return { record: size, text: `the log ends at record ${size}, and a kept checkpoint covers ${largest}: its end was cut off` };
    if (this.#trust?.hasKeys === true && this.#signedSize === undefined) return { record: this.#missing, text: 'no checkpoint of the log is signed by the given key' };
    if (this.#trust?.strange !== undefined) return { record: 0, text: `the kept checkpoint of ${this.#trust.strange.size} records is signed by no trusted key` };
    const genuine = ({ index, to, root }: { index: number; to: number; root: string }): boolean =>
      (!this.#isTrusting() || index < this.#covered) &&
      !this.#unauthenticated().some(({ from, to: end, why }) => why === 'recovered' && index >= from && index < end) &&
      (to > this.#missing || (to === this.#missing && root === this.#missingRoot));
    if (this.#missing > 0 && !this.#retired.some(genuine)) return { record: this.#missingFrom, text: `records ${this.#missingFrom} to ${this.#missing - 1} are missing, and the log does not say that they were retired` };
    for (const file of files) {
      if (!file.compressed) continue;
      if (this.#compressed.get(file.name) !== (await sha256Of(this.#fileSystem, file.path))) return { record: this.#missing, segment: file.name, text: `'${file.name}.gz' is not the file that the log was compressed to` };
    }
    return undefined;
  }

  /** Records before it are vouched for. */
  get #covered(): number {
    return Math.max(this.#signedSize ?? 0, this.#keptSize);
  }

  #isTrusting(): boolean {
    return this.#trust !== undefined && (this.#trust.hasKeys || this.#trust.kept.length > 0);
  }

  #unauthenticated(): UnauthenticatedRange[] {
    const { size } = this.#replay.tree;
    if (!this.#isTrusting()) return size > this.#missing ? [{ from: this.#missing, to: size, why: 'no key' }] : [];
    const ranges: UnauthenticatedRange[] = [];
    for (const { from, to, shownUpTo } of this.#unclean) {
      // A checkpoint that was signed before the crash, and kept, shows what the log had lost sight of.
      const shown = Math.max(from, ...(this.#trust?.kept ?? []).map(({ size: kept }) => (kept <= shownUpTo ? kept : 0)));
      if (shown < to) ranges.push({ from: shown, to, why: 'recovered' });
    }
    if (this.#covered < size) ranges.push({ from: this.#covered, to: size, why: 'tail' });
    return ranges;
  }

  #result(problem: VerificationProblem | undefined): LogVerification {
    const { tree, origin, checkpointSize } = this.#replay;
    const status = problem !== undefined ? 'tampered' : this.#covered > this.#missing ? 'authentic' : 'consistent';
    return {
      directory: this.#directory,
      status,
      ...(origin !== undefined && { origin }),
      size: tree.size,
      root: tree.root().toString('base64'),
      checkpoints: this.#checkpoints,
      notAuthenticated: this.#unauthenticated(),
      ...(this.#missing > 0 && { retired: { from: 0, to: this.#missing } }),
      clean: this.#closed && checkpointSize === tree.size && problem === undefined,
      ...(problem !== undefined && { problem }),
    };
  }
}
