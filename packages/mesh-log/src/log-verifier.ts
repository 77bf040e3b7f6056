import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from './file-system.js';
import { LogReplay, type ReplayedLine, type TamperDetails } from './log-replay.js';
import { sha256Of } from './compression.js';
import type { OwnRecord, UncleanEnd } from './record.js';
import { listSegments, type SegmentFile } from './segment.js';
import { readHead, readLayout } from './segment-head.js';
import { readLines } from './segment-lines.js';
import { isTorn } from './torn-line.js';
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
  /** Size of the last kept checkpoint that was met, and how many of them are behind. */
  #keptSize = 0;
  #keptBehind = 0;
  /** Records before it are no longer there. */
  #missing = 0;
  #missingFrom = 0;
  #missingRoot = '';
  #closed = false;
  #unfinishedBytes = 0;
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
    const { segments, ends } = await readLayout(files, (file) => readHead(this.#fileSystem, file));
    for (const [index, { file, first }] of segments.entries()) {
      this.#segment = file;
      // A file whose records are all in a later one was given up before any of them was acknowledged.
      if (ends.get(file.number) === 0) continue;
      if (index === 0 || first > this.#replay.tree.size) [this.#missingFrom, this.#missing] = [this.#replay.tree.size, first];
      await this.#readSegment(file, ends.get(file.number), index === segments.length - 1);
    }
  }

  /** What a crash or a loss of power leaves at the end of the last segment is no record, and no tampering: it was never acknowledged. */
  async #readSegment(file: SegmentFile, endBytes: number | undefined, isLast: boolean): Promise<void> {
    this.#replay.startSegment(file.number);
    for await (const { lines, offset, incompleteBytes = 0 } of readLines(this.#fileSystem, file, endBytes)) {
      let start = offset;
      for (const line of lines) {
        if (isLast && (this.#unfinishedBytes > 0 || isTorn(line, start))) {
          this.#replay.passOver(line);
          this.#unfinishedBytes += line.length + 1;
        } else this.#took(this.#replay.take(line));
        start += line.length + 1;
      }
      this.#unfinishedBytes += incompleteBytes;
      if (incompleteBytes > 0 && !isLast) throw new MeshError('log_tampered', `'${file.name}' does not end with a whole line`);
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

  /** A checkpoint that was kept of just this size must have just this root. There may be one for every second of years. */
  #meetKept(): void {
    const { tree } = this.#replay;
    const kept = this.#trust?.kept ?? [];
    for (let next = kept[this.#keptBehind]; next !== undefined && next.size <= tree.size; next = kept[this.#keptBehind]) {
      const details: TamperDetails = { record: this.#keptSize };
      const { size, root } = next;
      if (size === tree.size && !root.equals(tree.root())) throw new MeshError('log_tampered', `the kept checkpoint of ${size} records was signed for other ones`, { details });
      if (size === tree.size) this.#keptSize = size;
      this.#keptBehind += 1;
    }
  }

  /** What only the whole log shows. */
  async #conclude(files: readonly SegmentFile[]): Promise<VerificationProblem | undefined> {
    this.#segment = undefined;
    // Not even one header: no key has signed it.
    this.#trust ??= this.#trustFor('');
    return this.#untrusted() ?? this.#cutOff() ?? this.#notRetired() ?? (await this.#otherArchive(files));
  }

  #untrusted(): VerificationProblem | undefined {
    if (this.#trust?.hasKeys !== true) return undefined;
    const { strange } = this.#trust;
    if (this.#signedSize === undefined) return { record: this.#missing, text: 'no checkpoint of the log is signed by the given key' };
    return strange && { record: 0, text: `the kept checkpoint of ${strange.size} records is signed by no trusted key` };
  }

  #cutOff(): VerificationProblem | undefined {
    const { size } = this.#replay.tree;
    const kept = this.#trust?.kept.at(-1)?.size ?? 0;
    return kept > size ? { record: size, text: `the log ends at record ${size}, and a kept checkpoint covers ${kept}: its end was cut off` } : undefined;
  }

  /** A missing beginning without a record of it that is itself vouched for (PROTOCOL 7.6). */
  #notRetired(): VerificationProblem | undefined {
    if (this.#missing === 0) return undefined;
    const forgeable = this.#unauthenticated().filter(({ why }) => why === 'recovered' || why === 'tail');
    const said = this.#retired.some(
      ({ index, to, root }) =>
        !forgeable.some(({ from, to: end }) => index >= from && index < end) &&
        (to > this.#missing || (to === this.#missing && root === this.#missingRoot)),
    );
    if (said) return undefined;
    return { record: this.#missingFrom, text: `records ${this.#missingFrom} to ${this.#missing - 1} are missing, and the log does not say that they were retired` };
  }

  async #otherArchive(files: readonly SegmentFile[]): Promise<VerificationProblem | undefined> {
    for (const { compressed, name, path } of files) {
      if (!compressed || this.#compressed.get(name) === (await sha256Of(this.#fileSystem, path))) continue;
      return { record: this.#missing, segment: name, text: `'${name}.gz' is not the file that the log was compressed to` };
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
    if (this.#keptBeforeMissing()) return [{ from: this.#missing, to: size, why: 'not compared' }];
    const ranges: UnauthenticatedRange[] = [];
    for (const { from, to, shownUpTo } of this.#unclean) {
      // A checkpoint that was signed before the crash, and kept, shows what the log had lost sight of.
      const shown = Math.max(from, this.#trust?.kept.findLast(({ size: kept }) => kept <= shownUpTo)?.size ?? 0);
      if (shown < to) ranges.push({ from: shown, to, why: 'recovered' });
    }
    if (this.#covered < size) ranges.push({ from: this.#covered, to: size, why: 'tail' });
    return ranges;
  }

  /**
   * Checkpoints were kept, and all of them are of records that are no longer there. Whoever has the key can make such a log anew and say that its beginning was
   * retired: that must not pass for one that was checked against them.
   */
  #keptBeforeMissing(): boolean {
    const newest = this.#trust?.kept.at(-1);
    return newest !== undefined && newest.size < this.#missing;
  }

  #result(problem: VerificationProblem | undefined): LogVerification {
    const { tree, origin, checkpointSize } = this.#replay;
    const isVouchedFor = this.#covered > this.#missing && !this.#keptBeforeMissing();
    const status = problem !== undefined ? 'tampered' : isVouchedFor ? 'authentic' : 'consistent';
    return {
      directory: this.#directory,
      status,
      ...(origin !== undefined && { origin }),
      size: tree.size,
      root: tree.root().toString('base64'),
      checkpoints: this.#checkpoints,
      notAuthenticated: this.#unauthenticated(),
      ...(this.#missing > 0 && problem === undefined && { retired: { from: 0, to: this.#missing } }),
      ...(this.#unfinishedBytes > 0 && { unfinishedBytes: this.#unfinishedBytes }),
      clean: this.#closed && this.#unfinishedBytes === 0 && checkpointSize === tree.size && problem === undefined,
      ...(problem !== undefined && { problem }),
    };
  }
}
