import type { Command } from 'commander';
import { defaultKeysDir, MeshError } from '@lemur-bookstores/mesh-interface';
import { readSigningKeys } from '@lemur-bookstores/mesh-log';
import type { CommandContext } from './command-context.js';

interface KeyOptions {
  readonly keysDir?: string;
  readonly origin?: string;
}

const HELP = `
Only public keys are printed, and none is made. Note them down where the service cannot change them.

Examples:
  secure-stack-mesh audit key > audit-key.txt
  secure-stack-mesh audit key --keys-dir /var/lib/order-service/keys --origin example.org/order-service`;

/** `audit key`. */
export function addAuditKey(audit: Command, { io, output, messages }: CommandContext): void {
  audit
    .command('key')
    .summary('print the public keys that audit logs are verified under')
    .description('Prints the public keys of the audit logs of this keys folder, one a line, as audit verify --key takes them: first the one that signs now, then those that signed before.')
    .option('--keys-dir <dir>', "the service's keys folder (default: MESH_KEYS_DIR, else that of this user)")
    .option('--origin <name>', 'as verifier keys (origin+id+key) of the log of that name, instead of raw keys for logs of any name')
    .addHelpText('after', HELP)
    .action(async ({ keysDir = defaultKeysDir(io.env), origin }: KeyOptions) => {
      const { key, previousKeys } = await readSigningKeys(keysDir);
      if (origin !== undefined && !/^[^\s+\p{Cc}\p{Surrogate}]+$/u.test(origin)) throw new MeshError('invalid_option', "--origin: one word without '+'");
      for (const each of [key, ...previousKeys]) await output.line(origin === undefined ? each.publicKey.toString('base64') : each.verifierKey(origin));
      if (previousKeys.length > 0 && output.isTerminal) await messages.line('the first signs now; the others signed before, and their logs are verified under them');
    });
}
