import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode } from './file-system.js';

/** Held by the one writer of a log. */
export interface WriterLock {
  release(): Promise<void>;
}

/** What a living writer says to who connects; one that claims says later whether it became the owner, or goes away. */
type Claim = 'claiming' | 'owner';

const NAME = /^writer-[0-9a-f]{24}\.sock$/;
/** The kernel's limit for the path of a socket, without its final zero byte. */
const MAX_SOCKET_PATH_BYTES = 107;
const SILENCE_MS = 1000;
/** How often one is asked again that ends the connection without a word. */
const ATTEMPTS = 10;

/** The socket of one claim. Each has a name of its own, so that removing a dead one can never hit a living one. */
class ClaimSocket implements WriterLock {
  readonly #directory: string;
  readonly #folder: FileHandle;
  readonly #name = `writer-${randomBytes(12).toString('hex')}.sock`;
  readonly #asking = new Set<Socket>();
  readonly #server = createServer((socket) => this.#answer(socket));
  #claim: Claim = 'claiming';

  constructor(directory: string, folder: FileHandle) {
    this.#directory = directory;
    this.#folder = folder;
  }

  async listen(): Promise<void> {
    this.#server.maxConnections = 64;
    await new Promise<void>((resolve, reject) => {
      // In a worker of a cluster the primary would listen in its place: under a path of its own, and beyond the worker's end.
      this.#server.once('error', reject).listen({ path: `${this.#place}/.${this.#name}`, exclusive: true }, resolve);
    });
    this.#server.on('error', () => undefined).unref();
    // Only now others see it: a socket that is bound and does not listen yet would look dead to them.
    await rename(join(this.#directory, `.${this.#name}`), join(this.#directory, this.#name));
  }

  /** Whether no other claim is better. Both of two that come at once see each other, and the smaller name wins. */
  async wins(): Promise<boolean> {
    for (const rival of await readdir(this.#directory)) {
      if (!NAME.test(rival) || rival === this.#name) continue;
      if (await lives(`${this.#place}/${rival}`, join(this.#directory, rival), this.#name < rival)) return false;
      await unlink(join(this.#directory, rival)).catch(() => undefined);
    }
    this.#claim = 'owner';
    for (const socket of this.#asking) socket.end(this.#claim);
    return true;
  }

  async release(): Promise<void> {
    await unlink(join(this.#directory, this.#name)).catch(() => undefined);
    for (const socket of this.#asking) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#folder.close();
  }

  #answer(socket: Socket): void {
    this.#asking.add(socket.unref());
    socket.on('error', () => undefined).on('close', () => this.#asking.delete(socket));
    if (this.#claim === 'owner') socket.end(this.#claim);
    else socket.write(this.#claim);
  }

  /** A folder whose sockets would have too long a path is reached by way of its open handle. */
  get #place(): string {
    if (Buffer.byteLength(join(this.#directory, `.${this.#name}`)) <= MAX_SOCKET_PATH_BYTES) return this.#directory;
    if (process.platform === 'linux') return `/proc/self/fd/${this.#folder.fd}`;
    throw new MeshError('log_locked', `'${this.#directory}' is too long a path for a socket in it`);
  }
}

/**
 * Claims a folder for one writer, by a listening socket in it: the kernel ends that with the process, however it dies, and it is seen
 * from other containers that share the folder (on one host; hosts that share a network file system do not see each other, and there the
 * check before each commit is what is left).
 * @returns undefined where the folder has a living writer
 * @throws MeshError `log_locked` where the folder cannot hold a socket, or has one of another user's that cannot be asked
 */
export async function claimWriterLock(directory: string): Promise<WriterLock | undefined> {
  let claim: ClaimSocket | undefined;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    claim = new ClaimSocket(directory, await open(directory, constants.O_RDONLY));
    await claim.listen();
    if (await claim.wins()) return claim;
  } catch (cause) {
    await claim?.release();
    throw MeshError.is(cause) ? cause : new MeshError('log_locked', `'${directory}' cannot be claimed for one writer (${errorCode(cause)})`, { cause });
  }
  await claim.release();
  return undefined;
}

/**
 * What was found at a rival's socket. `going`: the connection ended without a word, as at a claim that is just being given up. `stranger`: it may
 * not be asked.
 */
type Rival = Claim | 'dead' | 'going' | 'stranger';

/**
 * Whether somebody listens there who is to be given way to. Whoever takes the connection lives, even where it is too busy to answer. Of
 * one that claims too: where `patient`, the end of its claim is waited for. It looked before this claim was there, and becomes the owner,
 * or after it, and gives way.
 */
async function lives(path: string, name: string, patient: boolean): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const rival = await ask(path, patient);
    if (rival === 'dead') return false;
    if (rival === 'stranger') throw new MeshError('log_locked', `'${name}' is another user's, and cannot be asked whether its writer lives: if none runs, remove it`);
    if (rival !== 'going') return true;
  }
  return true;
}

function ask(path: string, patient: boolean): Promise<Rival> {
  return new Promise((resolve) => {
    let rival: Rival = 'going';
    const socket = connect(path);
    socket.setEncoding('utf8').setTimeout(SILENCE_MS, () => {
      rival = 'owner';
      socket.destroy();
    });
    socket.on('data', (text: string) => {
      if (text === 'claiming' && patient) return;
      rival = 'owner';
      socket.destroy();
    });
    socket.on('error', (error) => {
      if (['ECONNREFUSED', 'ENOENT'].includes(errorCode(error))) rival = 'dead';
      if (['EACCES', 'EPERM'].includes(errorCode(error))) rival = 'stranger';
    });
    socket.on('close', () => resolve(rival));
  });
}
