import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode, type FileStatus, type FileSystem, type LogFile } from './file-system.js';
import { segmentName } from './segment.js';

/** Failures after which the same write may succeed in the same file: nothing was synced, and the file is cut back. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** `given up`: a sync or a write failed, and nothing counts that was not synced before. */
export type SegmentWriterState = 'open' | 'given up' | 'closed';

/** Writes the end of one segment's file. */
export class SegmentWriter {
  readonly number: number;
  #state: SegmentWriterState = 'open';
  #size: number;
  #syncedSize: number;
  readonly #path: string;
  readonly #file: LogFile;
  readonly #identity: string;
  readonly #fileSystem: FileSystem;

  private constructor(fileSystem: FileSystem, path: string, file: LogFile, identity: string, { number, size }: { number: number; size: number }) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#file = file;
    this.#identity = identity;
    this.number = number;
    [this.#size, this.#syncedSize] = [size, size];
  }

  /**
   * Makes a segment and all of its beginning durable, its name included, before anything in it is acknowledged (PROTOCOL 7.3). Where
   * that fails the file is removed again.
   * @throws Node's error; `EEXIST` where a file has the name
   */
  static async create(fileSystem: FileSystem, directory: string, number: number, beginning: Uint8Array): Promise<SegmentWriter> {
    const path = join(directory, segmentName(number));
    const file = await fileSystem.create(path);
    try {
      await file.write(beginning, 0);
      await file.sync();
      await fileSystem.syncDirectory(directory);
      return new SegmentWriter(fileSystem, path, file, (await file.status()).identity, { number, size: beginning.length });
    } catch (error) {
      await file.close().catch(() => undefined);
      await fileSystem.unlink(path).catch(() => undefined);
      throw error;
    }
  }

  /** Goes on at the end of a segment that recovery has checked. */
  static async resume(fileSystem: FileSystem, directory: string, number: number): Promise<SegmentWriter> {
    const path = join(directory, segmentName(number));
    const file = await fileSystem.open(path, 'write');
    const { identity, size } = await file.status();
    return new SegmentWriter(fileSystem, path, file, identity, { number, size });
  }

  get state(): SegmentWriterState {
    return this.#state;
  }

  /** Bytes of all that was written. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of all that is durable. */
  get syncedSize(): number {
    return this.#syncedSize;
  }

  /**
   * Write → fdatasync, in this order; the caller acknowledges after it (PROTOCOL 7.2). Afterwards either all of it counts or nothing.
   * A {@link check} since the append before has found the file as it was left. The write is under way when this returns.
   * @throws MeshError `log_write_failed`, with {@link state} `given up` unless the disk is merely full
   */
  async append(bytes: Uint8Array, durable: boolean): Promise<void> {
    try {
      await this.#file.write(bytes, this.#size);
    } catch (cause) {
      // Cut back, so that the next attempt finds the file as it was. A file that cannot be cut is not touched again.
      const cut = FULL.has(errorCode(cause)) && (await succeeds(this.#file.truncate(this.#size)));
      if (!cut) await this.#giveUp();
      throw new MeshError('log_write_failed', `'${this.#path}' cannot be written (${errorCode(cause)})`, { cause });
    }
    this.#size += bytes.length;
    if (durable) await this.sync();
  }

  /**
   * Makes durable what was written. After a failed fdatasync the file is given up: the kernel may have dropped the pages and call them
   * clean, and then a second sync lies (PROTOCOL 7.2).
   */
  async sync(): Promise<void> {
    if (this.#syncedSize === this.#size) return;
    try {
      await this.#file.syncData();
    } catch (cause) {
      await this.#giveUp();
      throw new MeshError('log_write_failed', `'${this.#path}' cannot be synced (${errorCode(cause)})`, { cause });
    }
    this.#syncedSize = this.#size;
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    await this.#file.close();
  }

  async #giveUp(): Promise<void> {
    this.#state = 'given up';
    await this.#file.close().catch(() => undefined);
  }

  /**
   * Somebody who deletes, replaces or cuts the file is noticed before the next record goes to where nobody will find it (PROTOCOL 7.8).
   * @throws MeshError `log_tampered`, `log_write_failed` where the disk does not say
   */
  async check(): Promise<void> {
    const status = await this.#status();
    if (status?.identity === this.#identity && status.size === this.#size) return;
    const what = status === undefined ? 'is gone' : status.identity === this.#identity ? `has ${status.size} bytes, not ${this.#size}` : 'is another file';
    throw new MeshError('log_tampered', `'${this.#path}' ${what}: somebody else has changed it`);
  }

  /** A disk that gives no answer has changed nothing. */
  async #status(): Promise<FileStatus | undefined> {
    try {
      return await this.#fileSystem.status(this.#path);
    } catch (cause) {
      throw new MeshError('log_write_failed', `'${this.#path}' cannot be looked at (${errorCode(cause)})`, { cause });
    }
  }
}

async function succeeds(operation: Promise<void>): Promise<boolean> {
  return operation.then(
    () => true,
    () => false,
  );
}
