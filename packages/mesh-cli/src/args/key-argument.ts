import { open } from 'node:fs/promises';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { NoteVerifier } from '@lemur-bookstores/mesh-log';

/** Of a file with keys. */
const MAX_FILE_BYTES = 64 * 1024;
const KEY_BYTES = 32;
const VERIFIER_KEY = /^[^+\s]+\+[0-9a-f]{8}\+/;

/**
 * What `--key` names: a verifier key (`origin+id+key`), a raw Ed25519 key in base64, or a file of such keys, a line each; empty lines and
 * those that begin with `#` are passed over.
 * @throws MeshError `invalid_option`, or Node's error where the file cannot be read
 */
export async function readKeyArgument(argument: string): Promise<string[]> {
  if (isKey(argument)) return [argument];
  let text: string;
  try {
    text = await readSmallFile(argument);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MeshError('invalid_option', `--key: '${argument}' is neither a verifier key (origin+id+key), nor a raw Ed25519 key in base64, nor a file`);
  }
  if (text.includes('PRIVATE KEY')) {
    throw new MeshError('invalid_option', `--key: '${argument}' holds a private key, which stays where it is: 'secure-stack-mesh audit key' prints the public one`);
  }
  const keys = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const wrong = keys.findIndex((key) => !isKey(key));
  if (wrong >= 0) throw new MeshError('invalid_option', `--key: '${argument}': key ${wrong + 1} is neither a verifier key (origin+id+key) nor a raw Ed25519 key in base64`);
  if (keys.length === 0) throw new MeshError('invalid_option', `--key: there is no key in '${argument}'`);
  return keys;
}

/** @throws MeshError `invalid_option` for a verifier key that does not match its own id */
function isKey(text: string): boolean {
  const raw = Buffer.from(text, 'base64');
  if (raw.length === KEY_BYTES && raw.toString('base64') === text) return true;
  return VERIFIER_KEY.test(text) && NoteVerifier.parse(text) !== undefined;
}

async function readSmallFile(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_FILE_BYTES + 1), 0, MAX_FILE_BYTES + 1, 0);
    if (bytesRead > MAX_FILE_BYTES) throw new MeshError('invalid_option', `--key: '${path}' has more than ${MAX_FILE_BYTES} bytes: that is no file of keys`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
