import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode } from './file-system.js';

/** Held by the one writer of a log. */
export interface WriterLock {
  release(): Promise<void>;
}

/** What a living writer answers to who connects. */
type Claim = 'claiming' | 'owner';

const NAME = /^writer-[0-9a-f]{24}\.sock$/;
/** The kernel's limit for the path of a socket, without its final zero byte. */
const MAX_SOCKET_PATH_BYTES = 107;
const ANSWER_TIMEOUT_MS = 1000;
const POLL_MS = 20;

/**
 * Claims a folder for one writer, by a listening socket in it: the kernel ends that with the process, however it dies, and it is seen
 * from other containers that share the folder (on one host; hosts that share a network file system do not see each other, and there the
 * check before each commit is what is left). Each claim has a name of its own, so that removing a dead one can never hit a living one.
 * @returns undefined where the folder has a living writer
 * @throws MeshError `log_locked` where the folder cannot hold a socket
 */
export async function claimWriterLock(directory: string): Promise<WriterLock | undefined> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const folder = await open(directory, constants.O_RDONLY);
  const name = `writer-${randomBytes(12).toString('hex')}.sock`;
  const place = socketPlace(directory, folder, name);
  const claim: { state: Claim } = { state: 'claiming' };
  let server: Server | undefined;
  const release = async (): Promise<void> => {
    await unlink(join(directory, name)).catch(() => undefined);
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    await folder.close();
  };
  try {
    server = await listen(`${place}/.${name}`, claim);
    // Only now others see it: a socket that is bound and does not listen yet would look dead to them.
    await rename(join(directory, `.${name}`), join(directory, name));
    if (await winsOver(directory, place, name)) {
      claim.state = 'owner';
      return { release };
    }
  } catch (cause) {
    await release();
    throw MeshError.is(cause) ? cause : new MeshError('log_locked', `'${directory}' cannot be claimed for one writer (${errorCode(cause)})`, { cause });
  }
  await release();
  return undefined;
}

/** Whether no other claim is better. Both of two that come at once see each other, and the smaller name wins. */
async function winsOver(directory: string, place: string, own: string): Promise<boolean> {
  for (const name of await readdir(directory)) {
    if (!NAME.test(name) || name === own) continue;
    for (let rival = await ask(`${place}/${name}`); rival !== 'dead'; rival = await ask(`${place}/${name}`)) {
      // A rival that looked before this claim was there becomes the owner; one that looked after it gives way.
      if (rival === 'owner' || name < own) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    await unlink(join(directory, name)).catch(() => undefined);
  }
  return true;
}

function listen(path: string, claim: { readonly state: Claim }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.unref().end(claim.state);
    });
    server.maxConnections = 64;
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject).on('error', () => undefined);
      resolve(server.unref());
    });
  });
}

/** Whoever takes the connection lives, even where it is too busy to answer. */
function ask(path: string): Promise<Claim | 'dead'> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    socket.setEncoding('utf8').setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.on('data', (text: string) => (answer += text.slice(0, 16)));
    socket.on('error', (error) => {
      if (['ECONNREFUSED', 'ENOENT'].includes(errorCode(error))) answer = 'dead';
    });
    socket.on('close', () => resolve(answer === 'dead' || answer === 'claiming' ? answer : 'owner'));
  });
}

/** A folder whose sockets would have too long a path is reached by way of its open handle. */
function socketPlace(directory: string, folder: FileHandle, name: string): string {
  if (Buffer.byteLength(join(directory, `.${name}`)) <= MAX_SOCKET_PATH_BYTES) return directory;
  if (process.platform === 'linux') return `/proc/self/fd/${folder.fd}`;
  throw new MeshError('log_locked', `'${directory}' is too long a path for a socket in it`);
}
