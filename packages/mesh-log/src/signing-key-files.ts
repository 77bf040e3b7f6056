import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, lstat, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { makeDurableDirectory } from './durable-directory.js';
import { errorCode, nodeFileSystem } from './file-system.js';
import { SigningKey } from './signing-key.js';

/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;
const NAME = /^log-key-(\d{6})\.pem$/;
const MAX_FILE_BYTES = 4096;

/** The keys of a folder: the newest signs, the others vouch for it in logs that they signed before. */
export interface SigningKeys {
  readonly key: SigningKey;
  readonly previousKeys: readonly SigningKey[];
}

/**
 * Opens the keys of the audit logs in `<keysDir>/audit/`: a folder of their own (0700, files 0600), never the log's (PROTOCOL 7.4). The
 * first key is made where there is none; several processes at once end up with the same.
 * @throws MeshError `keys_dir_unsafe` where others could read or swap a key, `invalid_key`
 */
export async function openSigningKeys(keysDir: string): Promise<SigningKeys> {
  const directory = await openDirectory(keysDir);
  if ((await numbersIn(directory)).length === 0) await createKey(directory, 1);
  return readKeys(directory);
}

/**
 * Adds a new key, which signs from now on: a log takes it up when it is opened, or by `LogWriter.rotateKey`.
 * @throws MeshError `keys_dir_unsafe`, `invalid_key`
 */
export async function addSigningKey(keysDir: string): Promise<SigningKeys> {
  const directory = await openDirectory(keysDir);
  await createKey(directory, ((await numbersIn(directory)).at(-1) ?? 0) + 1);
  return readKeys(directory);
}

/**
 * Reads the keys that {@link openSigningKeys} made, and makes none.
 * @throws MeshError `log_key_missing` where there is none, `keys_dir_unsafe`, `invalid_key`
 */
export async function readSigningKeys(keysDir: string): Promise<SigningKeys> {
  const directory = folderIn(keysDir);
  try {
    await assertOwnFolder(directory);
    if ((await numbersIn(directory)).length > 0) return await readKeys(directory);
  } catch (cause) {
    if (MeshError.is(cause)) throw cause;
    if (errorCode(cause) !== 'ENOENT') throw unsafe(directory, `cannot be read (${errorCode(cause)})`, cause);
  }
  throw new MeshError('log_key_missing', `there is no key of an audit log in '${directory}'`);
}

const folderIn = (keysDir: string): string => join(keysDir, 'audit');

async function openDirectory(keysDir: string): Promise<string> {
  const directory = folderIn(keysDir);
  try {
    await makeDurableDirectory(nodeFileSystem, directory);
  } catch (cause) {
    throw unsafe(directory, `cannot be made (${errorCode(cause)})`, cause);
  }
  await assertOwnFolder(directory);
  return directory;
}

async function assertOwnFolder(directory: string): Promise<void> {
  const status = await lstat(directory);
  if (!status.isDirectory()) throw unsafe(directory, 'must be a folder itself, no link');
  assertPrivate(directory, status, 'chmod 700');
}

async function readKeys(directory: string): Promise<SigningKeys> {
  const keys: SigningKey[] = [];
  for (const number of await numbersIn(directory)) keys.unshift(await keyIn(join(directory, nameOf(number))));
  const [key, ...previousKeys] = keys;
  if (key === undefined) throw unsafe(directory, 'lost its key while it was read');
  return { key, previousKeys };
}

async function keyIn(path: string): Promise<SigningKey> {
  const pem = await readKey(path);
  try {
    return SigningKey.fromPem(pem);
  } catch (cause) {
    throw new MeshError('invalid_key', `'${path}' holds no Ed25519 key that could sign the audit log: bring the right file back`, { cause });
  }
}

async function readKey(path: string): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const status = await handle.stat();
    if (!status.isFile() || status.size > MAX_FILE_BYTES) throw unsafe(path, 'is no small regular file');
    assertPrivate(path, status, 'chmod 600');
    return await handle.readFile();
  } catch (cause) {
    throw MeshError.is(cause) ? cause : unsafe(path, `cannot be read (${errorCode(cause)})`, cause);
  } finally {
    await handle?.close();
  }
}

/** Whole or not at all, and by link(2), which fails where the name is taken: of several processes one wins, and all read its key. */
async function createKey(directory: string, number: number): Promise<void> {
  const path = join(directory, nameOf(number));
  const temporary = join(directory, `.${nameOf(number)}.${randomBytes(8).toString('hex')}`);
  try {
    await writeDurably(temporary, SigningKey.generate().toPem());
    await link(temporary, path);
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw unsafe(path, `cannot be written (${errorCode(cause)})`, cause);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  const folder = await open(directory, constants.O_RDONLY);
  await folder.sync().finally(() => folder.close());
}

async function writeDurably(path: string, contents: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(contents);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function numbersIn(directory: string): Promise<number[]> {
  const numbers = (await readdir(directory)).map((name) => Number(NAME.exec(name)?.[1]));
  return numbers.filter((number) => !Number.isNaN(number)).sort((one, other) => one - other);
}

const nameOf = (number: number): string => `log-key-${String(number).padStart(6, '0')}.pem`;

function assertPrivate(path: string, { uid, mode }: Stats, remedy: string): void {
  const user = process.getuid?.();
  // Windows has neither owners nor modes here: the profile's own folder is private there.
  if (user === undefined) return;
  if (uid !== user) throw unsafe(path, `belongs to uid ${uid}, this process runs as ${user}`);
  if ((mode & OTHERS) !== 0) throw unsafe(path, `is open to others: make sure that nobody used it, then ${remedy} ${path}`);
}

const unsafe = (path: string, what: string, cause?: unknown): MeshError => new MeshError('keys_dir_unsafe', `'${path}' ${what}`, { cause });
