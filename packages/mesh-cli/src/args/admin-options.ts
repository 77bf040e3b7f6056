import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { AdminClient } from '../admin/admin-client.js';
import type { CommandIo } from '../command-io.js';
import { wholeNumber } from './number-argument.js';

/** Where the mesh is that a command asks, and how. */
export interface AdminOptions {
  readonly url: URL;
  readonly tokenFile?: string;
  /** In seconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:9464';
const MAX_TOKEN_FILE_BYTES = 4_096;
/** What a header can hold; the rest of the rules are the mesh's. */
const TOKEN = /^[\x21-\x7e]{1,512}$/;

/** Adds the options of all commands that ask a mesh. @param timeoutSeconds default of `--timeout` */
export function addAdminOptions(command: Command, timeoutSeconds: number): Command {
  return command
    .addOption(new Option('--url <url>', "the mesh's admin endpoint").argParser(parseUrl).default(new URL(DEFAULT_URL), DEFAULT_URL))
    .option('--token-file <file>', 'file with the token of that endpoint (default: MESH_ADMIN_TOKEN, if it is set)')
    .addOption(new Option('--timeout <seconds>', 'how long to wait for an answer').argParser(wholeNumber(1, 300)).default(timeoutSeconds))
    .option('--json', 'the answer as one line of JSON');
}

/** @throws MeshError `invalid_option`; Node's error for a file that cannot be read */
export async function adminClient({ url, tokenFile, timeout }: AdminOptions, { env, clock }: CommandIo): Promise<AdminClient> {
  const fromEnv = env['MESH_ADMIN_TOKEN'];
  const token = tokenFile !== undefined ? await readToken(tokenFile) : fromEnv === undefined || fromEnv === '' ? undefined : checked(fromEnv, 'MESH_ADMIN_TOKEN');
  return new AdminClient({ url, token, timeoutMs: timeout * 1_000, clock });
}

/** A token on the command line would be in the list of processes, and in the shell's history: neither option nor address takes one. */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fits = url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:');
  if (!fits) throw new InvalidArgumentError('Give http://host:port.');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') throw new InvalidArgumentError('Give http://host:port alone; a token goes into --token-file or MESH_ADMIN_TOKEN.');
  return url;
}

async function readToken(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.alloc(MAX_TOKEN_FILE_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return checked(buffer.toString('utf8', 0, bytesRead).trim(), `--token-file '${path}'`);
  } finally {
    await file.close();
  }
}

function checked(token: string, where: string): string {
  if (!TOKEN.test(token)) throw new MeshError('invalid_option', `${where}: is no token: up to 512 characters of ASCII without spaces`);
  return token;
}
