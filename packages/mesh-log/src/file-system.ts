import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** What identifies a file under a name, and how long it is. */
export interface FileStatus {
  /** Device and inode: another one under the same name is another file. */
  readonly identity: string;
  readonly size: number;
}

/** An open file. Every position is given: nothing depends on where an earlier, failed write ended. */
export interface LogFile {
  /** Writes all of it or throws; after a throw any part of it may be there. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** @returns how many bytes were read; 0 at the end */
  read(into: Uint8Array, position: number): Promise<number>;
  status(): Promise<FileStatus>;
  truncate(size: number): Promise<void>;
  /** fdatasync: contents and size. */
  syncData(): Promise<void>;
  /** fsync. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The little of a file system that a log needs; errors are Node's, with their `code`. Tests put a simulated disk in its place. */
export interface FileSystem {
  /** Makes a folder and those above it, 0700. */
  makeDirectory(path: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  /** `undefined` where there is no such file. Of a link itself, not of where it leads. */
  status(path: string): Promise<FileStatus | undefined>;
  /** Makes a file that was not there, 0600, for reading and writing. */
  create(path: string): Promise<LogFile>;
  /** Opens a file that is there; never follows a link. @throws MeshError `log_tampered` for a link, a folder, a FIFO and the like */
  open(path: string, access: 'read' | 'write'): Promise<LogFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** fsync of the folder: makes its names durable. */
  syncDirectory(directory: string): Promise<void>;
}

class NodeLogFile implements LogFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      written += (await this.#handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, position)).bytesRead;
  }

  async status(): Promise<FileStatus> {
    return statusOf(await this.#handle.stat());
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  syncData(): Promise<void> {
    return this.#handle.datasync();
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = {
  makeDirectory: async (path) => void (await mkdir(path, { recursive: true, mode: 0o700 })),
  list: (directory) => readdir(directory),
  status: async (path) => {
    try {
      return statusOf(await lstat(path));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  create: async (path) => new NodeLogFile(await open(path, 'wx+', 0o600)),
  open: openRegular,
  rename,
  unlink,
  syncDirectory: async (directory) => {
    const handle = await open(directory, constants.O_RDONLY);
    await handle.sync().finally(() => handle.close());
  },
};

/** Whoever may write into a log's folder can put anything there: a FIFO would keep the opener waiting for ever, thus O_NONBLOCK, which files do not care about. */
async function openRegular(path: string, access: 'read' | 'write'): Promise<LogFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, (access === 'read' ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // A link; a folder, to be written; a socket.
    throw ['ELOOP', 'EISDIR', 'ENXIO'].includes(errorCode(error)) ? irregular(path, error) : error;
  }
  if ((await handle.stat()).isFile()) return new NodeLogFile(handle);
  await handle.close();
  throw irregular(path);
}

const irregular = (path: string, cause?: unknown): MeshError => new MeshError('log_tampered', `'${path}' is no regular file`, { cause });

/** Node's code of a failed operation, e.g. `ENOSPC`. */
export const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

const statusOf = ({ dev, ino, size }: { dev: number; ino: number; size: number }): FileStatus => ({ identity: `${dev}:${ino}`, size });
