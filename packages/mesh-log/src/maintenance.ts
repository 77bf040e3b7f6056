import { MeshError } from '@lemur-bookstores/mesh-interface';
import { ClockWatch, type LogTimes } from './clock-watch.js';
import { compressSegment } from './compression.js';
import type { GroupCommit } from './group-commit.js';
import type { ResolvedLogOptions } from './log-options.js';
import { ownJson } from './record.js';
import { deleteSegments, retiredSegments } from './retention.js';
import { listSegments, type SegmentFile } from './segment.js';
import { readHead, type SegmentHead } from './segment-head.js';

/** Deletes and compresses closed segments, beside the writing and one run at a time. What fails is logged, and tried again at the next run. */
export class Maintenance {
  readonly #options: ResolvedLogOptions;
  readonly #directory: string;
  readonly #commit: GroupCommit;
  readonly #watch: ClockWatch;
  readonly #stop = new AbortController();
  #run: Promise<void> | undefined;
  #again = false;
  #doubted = false;

  /** @param times of the log as it was found */
  constructor(options: ResolvedLogOptions, directory: string, commit: GroupCommit, times: LogTimes | undefined) {
    this.#options = options;
    this.#directory = directory;
    this.#commit = commit;
    this.#watch = new ClockWatch(options.clock, times);
  }

  run(): void {
    this.#again = true;
    this.#run ??= this.#work();
  }

  /** Ends the step under way where that can be done anew, waits for it where not; no other is begun. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#try('deleted', () => this.#retire());
      if (this.#options.compress) await this.#try('compressed', () => this.#compress());
    }
    this.#run = undefined;
  }

  async #try(what: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!this.#stopped) this.#options.logger.warn(`old segments of the audit log could not be ${what}`, { error: MeshError.from(error).message });
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #retire(): Promise<void> {
    const { fileSystem, clock, retentionDays } = this.#options;
    if (!this.#isClockSteady()) return;
    for (;;) {
      const retired = await retiredSegments(await this.#list(), (file) => this.#head(file), clock.now(), retentionDays);
      if (retired === undefined || this.#stopped) return;
      const { names: segments, before, from, to, root } = retired;
      await this.#commit.appendOwn(ownJson({ log: 'retired', segments, from, to, root }, clock.now()));
      // The record alone could be forged after a crash: the verifier counts only one that a checkpoint covers.
      await this.#commit.checkpoint();
      await deleteSegments(fileSystem, this.#directory, before);
    }
  }

  #isClockSteady(): boolean {
    const steady = this.#watch.isSteady();
    if (!steady && !this.#doubted) this.#options.logger.warn('the clock does not follow from the audit log: if it is right, old segments are deleted in a day', { directory: this.#directory });
    this.#doubted = !steady;
    return steady;
  }

  async #compress(): Promise<void> {
    const files = await this.#list();
    const newest = await this.#newest(files);
    for (const file of files) {
      if (this.#stopped || file.number === newest) return;
      if (!file.compressed) await this.#try('compressed', () => this.#compressOne(file, files));
    }
  }

  async #compressOne(file: SegmentFile, files: readonly SegmentFile[]): Promise<void> {
    const { fileSystem, clock } = this.#options;
    // One that was given up lies on a file the disk has failed: it is left as it is.
    if ((await this.#head(file)) === undefined || (await this.#isAbandoned(file, files))) return;
    const record = async (compressed: { segment: string; sha256: string; bytes: number }): Promise<void> => {
      await this.#commit.appendOwn(ownJson({ log: 'compressed', ...compressed }, clock.now()));
      // Where commits are not synced, checkpoints are.
      await this.#commit.checkpoint();
    };
    await compressSegment(fileSystem, this.#directory, file, record, this.#stop.signal);
  }

  /** The next header says so. */
  async #isAbandoned({ number }: SegmentFile, files: readonly SegmentFile[]): Promise<boolean> {
    for (const file of files) {
      const head = file.number > number ? await this.#head(file) : undefined;
      if (head !== undefined) return head.header.abandoned.some(({ segment }) => segment === number);
    }
    return false;
  }

  /** The segment that is written to, or a later attempt at one. */
  async #newest(files: readonly SegmentFile[]): Promise<number | undefined> {
    for (const file of files.toReversed()) if ((await this.#head(file)) !== undefined) return file.number;
    return undefined;
  }

  #list(): Promise<SegmentFile[]> {
    return listSegments(this.#options.fileSystem, this.#directory);
  }

  #head(file: SegmentFile): Promise<SegmentHead | undefined> {
    return readHead(this.#options.fileSystem, file);
  }
}
