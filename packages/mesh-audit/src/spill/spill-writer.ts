import { join } from 'node:path';
import { makeDurableDirectory, type FileSystem, type LogFile } from '@lemur-bookstores/mesh-log';
import { errorCode, spillFailure } from './spill-failure.js';
import { segmentName, type SpillSegment } from './spill-segment.js';

/** Failures after which the same file may be used again: nothing was synced, and it is cut back. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

interface OpenSegment {
  readonly segment: SpillSegment;
  readonly file: LogFile;
  readonly identity: string;
  /** Its name is on the disk, too. */
  named: boolean;
}

/** Writes the end of a spill, one batch at a time. A batch that fails leaves the spill as it was, and can be tried again. */
export class SpillWriter {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #segmentBytes: number;
  #next: number;
  #open: OpenSegment | undefined;

  /** @param highest no segment so far has a higher number: none is ever used twice, since a cursor may still name it */
  constructor(fileSystem: FileSystem, directory: string, segmentBytes: number, highest: number) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#next = highest + 1;
  }

  /** The segment that the next batch goes to, if it was begun. */
  get current(): SpillSegment | undefined {
    return this.#open?.segment;
  }

  /**
   * Write → fdatasync, and for the first batch of a segment fsync of its folder; only then the batch counts, in the segment's `size`.
   * @param events how many events it holds that are still to be read
   * @param isWanted asked at the end: what is not wanted any more fails
   * @returns the segment that has it at its end
   * @throws MeshError `spill_failed`
   */
  async append(bytes: Uint8Array, events: number, isWanted: () => boolean): Promise<SpillSegment> {
    const open = await this.#openSegment();
    const { segment, file } = open;
    try {
      const checking = this.#check(open);
      // Looked at after the write, whatever becomes of that.
      checking.catch(() => undefined);
      await file.write(bytes, segment.size);
      await checking;
      segment.fileBytes = Math.max(segment.fileBytes, segment.size + bytes.length);
    } catch (cause) {
      const cut = FULL.has(errorCode(cause)) && (await succeeds(file.truncate(segment.size)));
      if (!cut) await this.#abandon();
      throw spillFailure(`the audit spill '${segment.path}' cannot be written`, cause);
    }
    try {
      await file.syncData();
      if (!open.named) await this.#fileSystem.syncDirectory(this.#directory);
    } catch (cause) {
      // The kernel may have dropped the pages and call them clean: a second sync would lie.
      await this.#abandon();
      throw spillFailure(`the audit spill '${segment.path}' cannot be synced`, cause);
    }
    if (!isWanted()) {
      await this.#abandon();
      throw spillFailure(`the audit spill '${segment.path}' was written too late`, 'ETIMEDOUT');
    }
    open.named = true;
    segment.size += bytes.length;
    segment.unread += events;
    return segment;
  }

  /** Ends the segment under way: the next batch begins another. */
  async endSegment(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close().catch(() => undefined);
  }

  async #openSegment(): Promise<OpenSegment> {
    if (this.#open !== undefined && this.#open.segment.size >= this.#segmentBytes) await this.endSegment();
    return (this.#open ??= await this.#create());
  }

  async #create(): Promise<OpenSegment> {
    const number = this.#next++;
    const path = join(this.#directory, segmentName(number));
    try {
      // Somebody may have cleared it away; it is no loss where there was nothing in it.
      await makeDurableDirectory(this.#fileSystem, this.#directory);
      const file = await this.#fileSystem.create(path);
      const { identity } = await file.status();
      return { segment: { number, path, size: 0, fileBytes: 0, unread: 0 }, file, identity, named: false };
    } catch (cause) {
      throw spillFailure(`no audit spill can be made at '${path}'`, cause);
    }
  }

  /** What goes into a file that was deleted or replaced, nobody finds again. */
  async #check({ segment, identity }: OpenSegment): Promise<void> {
    const status = await this.#fileSystem.status(segment.path);
    if (status?.identity !== identity) throw new Error('it was deleted or replaced by somebody else');
  }

  /** What was not acknowledged is cut off, as far as that works: it is written again elsewhere. */
  async #abandon(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    const { file, segment } = open;
    await succeeds(file.truncate(segment.size));
    await file.close().catch(() => undefined);
    if (segment.size === 0) await succeeds(this.#fileSystem.unlink(segment.path));
  }
}

async function succeeds(operation: Promise<void>): Promise<boolean> {
  return operation.then(
    () => true,
    () => false,
  );
}
