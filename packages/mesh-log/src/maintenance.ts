import { MeshError } from '@lemur-bookstores/mesh-interface';
import { compressSegment } from './compression.js';
import type { GroupCommit } from './group-commit.js';
import type { ResolvedLogOptions } from './log-options.js';
import { ownJson } from './record.js';
import { deleteSegments, retiredSegments } from './retention.js';
import { listSegments } from './segment.js';
import { endsOf, readHeads, type SegmentHead } from './segment-head.js';

/** Deletes and compresses closed segments, beside the writing and one run at a time. What fails is logged, and tried again at the next run. */
export class Maintenance {
  readonly #options: ResolvedLogOptions;
  readonly #directory: string;
  readonly #commit: GroupCommit;
  #run: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: ResolvedLogOptions, directory: string, commit: GroupCommit) {
    this.#options = options;
    this.#directory = directory;
    this.#commit = commit;
  }

  run(): void {
    this.#again = true;
    this.#run ??= this.#work();
  }

  /** Waits for the step under way; no other is begun. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#run;
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#retire();
        if (this.#options.compress) await this.#compress();
      } catch (error) {
        this.#options.logger.warn('old segments of the audit log could not be put away', { error: MeshError.from(error).message });
      }
    }
    this.#run = undefined;
  }

  async #retire(): Promise<void> {
    const { fileSystem, clock, retentionDays } = this.#options;
    const retired = retiredSegments(await this.#heads(), clock.now(), retentionDays);
    if (retired === undefined || this.#stopped) return;
    const { names: segments, before, from, to, root } = retired;
    await this.#commit.appendOwn(ownJson({ log: 'retired', segments, from, to, root }, clock.now()));
    // The record alone could be forged after a crash: the verifier counts only one that a checkpoint covers.
    await this.#commit.checkpoint();
    await deleteSegments(fileSystem, this.#directory, before);
  }

  async #compress(): Promise<void> {
    const { fileSystem, clock } = this.#options;
    const heads = await this.#heads();
    const abandoned = endsOf(heads);
    for (const { file } of heads.slice(0, -1)) {
      // One that was given up lies on a file the disk has failed: it is left as it is.
      if (file.compressed || abandoned.has(file.number)) continue;
      if (this.#stopped) return;
      await compressSegment(fileSystem, this.#directory, file, (compressed) => this.#commit.appendOwn(ownJson({ log: 'compressed', ...compressed }, clock.now())));
    }
  }

  async #heads(): Promise<SegmentHead[]> {
    const { fileSystem } = this.#options;
    return readHeads(fileSystem, await listSegments(fileSystem, this.#directory));
  }
}
