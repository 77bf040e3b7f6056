import { nodeFileSystem, type FileSystem, type LogFile } from '../../src/file-system.js';

/** The machine's file system with files of another make. */
export function fileSystemWith(change: (file: LogFile) => Partial<LogFile>): FileSystem {
  const wrap = (file: LogFile): LogFile => ({
    write: (bytes, position) => file.write(bytes, position),
    read: (into, position) => file.read(into, position),
    status: () => file.status(),
    truncate: (size) => file.truncate(size),
    syncData: () => file.syncData(),
    sync: () => file.sync(),
    close: () => file.close(),
    ...change(file),
  });
  return { ...nodeFileSystem, create: async (path) => wrap(await nodeFileSystem.create(path)), open: async (path, access) => wrap(await nodeFileSystem.open(path, access)) };
}

/** Node's error of a failed operation. */
export const failure = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });
