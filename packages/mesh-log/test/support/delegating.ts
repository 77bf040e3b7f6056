import type { FileSystem } from '../../src/file-system.js';

/** A file system that is another one but for some of its methods. */
export const delegating = (inner: FileSystem, methods: Partial<FileSystem>): FileSystem => ({
  makeDirectory: (path) => inner.makeDirectory(path),
  list: (directory) => inner.list(directory),
  status: (path) => inner.status(path),
  create: (path) => inner.create(path),
  open: (path, access) => inner.open(path, access),
  rename: (from, to) => inner.rename(from, to),
  unlink: (path) => inner.unlink(path),
  syncDirectory: (directory) => inner.syncDirectory(directory),
  ...methods,
});
