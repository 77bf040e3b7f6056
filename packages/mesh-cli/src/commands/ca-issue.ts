import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { writeIdentityFiles } from '@lemur-bookstores/mesh-ca';
import { MeshError, type IdentityFiles } from '@lemur-bookstores/mesh-interface';
import { parseDuration } from '../args/time-argument.js';
import { readAuthority } from '../authority-files.js';
import { otherAuthorities } from '../other-authorities.js';
import { DEFAULT_CA_DIR } from './ca-init.js';
import type { CommandContext } from './command-context.js';

interface IssueOptions {
  readonly ca: string;
  readonly dir?: string;
  /** ms. */
  readonly ttl: number;
  readonly replace?: boolean;
  readonly dropOtherCas?: boolean;
}

const SHORTEST_TTL_MS = 60_000;
const DEFAULT_TTL_MS = 30 * 86_400_000;

const HELP = `
Nothing takes a certificate back: one that was stolen is good until it ends. A running service takes replaced files without a restart.

Examples:
  secure-stack-mesh ca issue order-service
  secure-stack-mesh ca issue order-service --dir /etc/mesh/order-service --ttl 7d --replace`;

/** `ca issue <serviceId>`. */
export function addCaIssue(ca: Command, { io, output }: CommandContext): void {
  ca.command('issue')
    .summary("make a service's certificate and key")
    .description("Makes a key and a certificate for a service, and prints the mesh's option 'identity' for them.")
    .argument('<serviceId>', 'as the mesh of the service has it')
    .option('--ca <dir>', 'folder with ca.pem and ca.key', DEFAULT_CA_DIR)
    .option('--dir <dir>', 'folder for cert.pem, key.pem and ca.pem (default: identity/<serviceId>)')
    .addOption(new Option('--ttl <time>', 'how long it is valid, as 12h, 7d').argParser(parseTtl).default(DEFAULT_TTL_MS, '30d'))
    .option('--replace', 'replace what was issued before; other CAs in its ca.pem stay there')
    .option('--drop-other-cas', 'with --replace: leave none but the issuer in ca.pem')
    .addHelpText('after', HELP)
    .action(async (serviceId: string, { ca: authorityDir, dir, ttl: ttlMs, replace = false, dropOtherCas = false }: IssueOptions) => {
      const authority = await readAuthority(authorityDir, io.clock);
      const issued = authority.issue({ serviceId, ttlMs });
      // The id is checked by now: it is a name that may stand in a path.
      const target = resolve(dir ?? join('identity', serviceId));
      if (!replace) await assertNothingIn(target);
      const others = dropOtherCas ? [] : await otherAuthorities(join(target, 'ca.pem'), issued.caPem, io.clock.now());
      const identity = await writeIdentityFiles(target, issued, others);
      await output.line([{ text: issued.id, style: 'strong' }, `, valid until ${new Date(issued.notAfter).toISOString()}`]);
      await output.line();
      for (const line of snippet(identity)) await output.line(line);
      if (others.length > 0) await output.line(`${identity.caFile} trusts ${others.length} other CA(s) still; without, once nobody has a certificate of theirs: --replace --drop-other-cas`);
      await output.line();
      await output.line('Before it ends, issue again with --replace: a running service takes the new files without a restart.');
    });
}

function parseTtl(text: string): number {
  const ttlMs = parseDuration(text);
  if (ttlMs < SHORTEST_TTL_MS) throw new InvalidArgumentError('Give at least 1m.');
  return ttlMs;
}

async function assertNothingIn(directory: string): Promise<void> {
  for (const name of ['cert.pem', 'key.pem', 'ca.pem']) {
    const path = join(directory, name);
    if (await lstat(path).then(() => true, () => false)) throw new MeshError('invalid_option', `there is '${path}' already: --replace replaces it, --dir names another folder`);
  }
}

/** As it goes into the service's source. */
function snippet({ certFile, keyFile, caFile }: IdentityFiles): string[] {
  const text = (path: string): string => `'${path.replace(/[\\']/g, '\\$&')}'`;
  return ['identity: {', `  certFile: ${text(certFile)},`, `  keyFile: ${text(keyFile)},`, `  caFile: ${text(caFile)},`, '},'];
}
