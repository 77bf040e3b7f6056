import { constants } from 'node:fs';
import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CertificateAuthority } from '@lemur-bookstores/mesh-ca';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';

/** Permission bits of everybody but the owner, and of those the ones to write. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const MAX_FILE_BYTES = 64 * 1024;

/** Where a CA is. */
export interface AuthorityFiles {
  /** Its certificate. */
  readonly certFile: string;
  /** Its private key: 0600. */
  readonly keyFile: string;
}

/** `ca.pem` and `ca.key` in a folder, absolute. */
export function authorityFiles(directory: string): AuthorityFiles {
  return { certFile: join(resolve(directory), 'ca.pem'), keyFile: join(resolve(directory), 'ca.key') };
}

/**
 * Writes a CA into a folder, which is made where there is none (0700). Never replaces one: certificates of it are in use.
 * @throws MeshError `invalid_option` where there is one, `keys_dir_unsafe` where others may write the folder; Node's error
 */
export async function writeAuthority(directory: string, authority: CertificateAuthority): Promise<AuthorityFiles> {
  const files = authorityFiles(directory);
  await mkdir(resolve(directory), { recursive: true, mode: 0o700 });
  if (((await stat(directory)).mode & OTHERS_WRITE) !== 0) {
    throw new MeshError('keys_dir_unsafe', `others may write '${resolve(directory)}', and so replace the CA: chmod go-w it, or choose another with --dir`);
  }
  await writeNew(files.keyFile, authority.keyPem);
  await writeNew(files.certFile, authority.certPem).catch(async (error: unknown) => {
    await unlink(files.keyFile);
    throw error;
  });
  const folder = await open(directory, constants.O_RDONLY);
  await folder.sync().finally(() => folder.close());
  return files;
}

/** @throws MeshError `invalid_option` where there is none, `keys_dir_unsafe` where others can read the key, `identity_invalid`; Node's error */
export async function readAuthority(directory: string, clock: Clock): Promise<CertificateAuthority> {
  const { certFile, keyFile } = authorityFiles(directory);
  try {
    return CertificateAuthority.load({ certPem: await read(certFile, false), keyPem: await read(keyFile, true), clock });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MeshError('invalid_option', `there is no CA (ca.pem and ca.key) in '${resolve(directory)}': 'secure-stack-mesh ca init' makes one, --ca names another folder`);
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new MeshError('invalid_option', `there is '${path}' already, and certificates of that CA are in use: choose another folder with --dir`) : error;
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await file.close();
  }
}

async function read(path: string, isSecret: boolean): Promise<Buffer> {
  const file = await open(path);
  try {
    const { mode, size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new MeshError('invalid_option', `'${path}' has more than ${MAX_FILE_BYTES} bytes: that is no PEM file of a CA`);
    if (isSecret && process.getuid !== undefined && (mode & OTHERS) !== 0) {
      throw new MeshError('keys_dir_unsafe', `'${path}' is open to others: make sure that nobody used it, then chmod 600 it`);
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}
