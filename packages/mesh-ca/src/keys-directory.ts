import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, lstat, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

const MAX_FILE_BYTES = 64 * 1024;

/** Everybody's right to write, and the bit that lets each delete and rename only what is his, as in /tmp. */
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** Half-written files, as {@link KeysDirectory.createOnce} names them, and after how many ms nobody writes them any more. */
const TEMPORARY = /^\..+\.[0-9a-f]{16}\.tmp$/;
const ABANDONED_AFTER_MS = 60_000;

/**
 * A folder for private keys: 0700, of the own user, no symlink, and the same goes for its files with 0600 (PROTOCOL 6.2). Who
 * else can read or write here could become any service; who can rename it could put another in its place.
 */
export class KeysDirectory {
  readonly path: string;

  constructor(path: string) {
    // Without a slash at its end, which would make lstat() follow a symbolic link.
    this.path = resolve(path);
  }

  /**
   * Makes the folder where there is none, looks at the one that is there, and removes what processes that were killed left half-written:
   * each such file holds a private key.
   * @param now ms since 1970
   * @throws MeshError `keys_dir_unsafe`
   */
  async open(now: number): Promise<void> {
    try {
      await mkdir(this.path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw unsafe(this.path, `cannot be made (${errorCode(cause)}): set MESH_KEYS_DIR or paths.keysDir to a folder of this user`, cause);
    }
    const status = await lstat(this.path);
    if (!status.isDirectory()) throw unsafe(this.path, `is ${status.isSymbolicLink() ? 'a symbolic link' : 'no folder'}: it must be a folder itself`);
    assertPrivate(this.path, status, 'chmod 700');
    assertNotForAll(dirname(this.path), await stat(dirname(this.path)));
    await this.#sweep(now);
  }

  /** @returns the contents, or `undefined` where there is no such file. @throws MeshError `keys_dir_unsafe` */
  async read(name: string): Promise<Buffer | undefined> {
    const path = join(this.path, name);
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const status = await handle.stat();
        if (!status.isFile() || status.size > MAX_FILE_BYTES) throw unsafe(path, 'is not a small regular file');
        assertPrivate(path, status, 'chmod 600');
        return await handle.readFile();
      } finally {
        await handle.close();
      }
    } catch (cause) {
      if (MeshError.is(cause)) throw cause;
      const code = errorCode(cause);
      if (code === 'ENOENT') return undefined;
      throw unsafe(path, code === 'ELOOP' ? 'is a symbolic link: it must be a file itself' : `cannot be read (${code})`, cause);
    }
  }

  /**
   * Writes a file that was not there, whole or not at all: whoever else writes it at the same time, all read the same afterwards.
   * A link, for unlike a rename it fails where the name is taken, and unlike `wx` it shows the file only when it is complete.
   * @throws MeshError `keys_dir_unsafe`
   */
  async createOnce(name: string, contents: string): Promise<void> {
    const path = join(this.path, name);
    const temporary = join(this.path, `.${name}.${randomBytes(8).toString('hex')}.tmp`);
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(contents);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await link(temporary, path);
    } catch (cause) {
      if (errorCode(cause) !== 'EEXIST') throw unsafe(path, `cannot be written (${errorCode(cause)})`, cause);
    } finally {
      await unlink(temporary).catch(() => undefined);
    }
    const folder = await open(this.path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Only a try: the next start sweeps again. */
  async #sweep(now: number): Promise<void> {
    for (const name of await readdir(this.path).catch(() => [])) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(this.path, name);
      const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: now }));
      if (now - mtimeMs > ABANDONED_AFTER_MS) await unlink(path).catch(() => undefined);
    }
  }
}

function assertPrivate(path: string, { uid, mode }: Stats, remedy: string): void {
  // Windows has neither owners nor modes here: the profile's own folder is private there.
  const user = process.getuid?.();
  if (user === undefined) return;
  if (uid !== user) throw unsafe(path, `belongs to uid ${uid}, this process runs as ${user}: it must be this user's own`);
  if ((mode & OTHERS) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    throw unsafe(path, `has mode ${octal}: others have access to it. Make sure that nobody used it, then: ${remedy} ${path}`);
  }
}

/** A folder in which anybody may rename the one with the keys. */
function assertNotForAll(path: string, { mode }: Stats): void {
  if (process.getuid === undefined || (mode & WRITABLE_BY_ALL) === 0 || (mode & STICKY) !== 0) return;
  throw unsafe(path, `can be written by all, and so the keys in it be replaced: chmod o-w ${path}, or chmod +t as /tmp has it`);
}

const unsafe = (path: string, what: string, cause?: unknown): MeshError => new MeshError('keys_dir_unsafe', `'${path}' ${what}`, { cause });

const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
