import { Option, type Command } from 'commander';
import { CertificateAuthority, type KeyAlgorithm } from '@lemur-bookstores/mesh-ca';
import { wholeNumber } from '../args/number-argument.js';
import { writeAuthority } from '../authority-files.js';
import { fileFields } from '../output/file-fields.js';
import type { CommandContext } from './command-context.js';

interface InitOptions {
  readonly trustDomain: string;
  readonly dir: string;
  readonly validDays: number;
  readonly algorithm: KeyAlgorithm;
}

/** Where a CA is made, and looked for. */
export const DEFAULT_CA_DIR = 'mesh-ca';

const LONGEST_DAYS = 36_500;

const HELP = `
Example:
  secure-stack-mesh ca init --trust-domain prod.example.org`;

/** `ca init`. */
export function addCaInit(ca: Command, { io, output }: CommandContext): void {
  ca.command('init')
    .summary('make a certificate authority')
    .description('Makes a certificate authority for the services of one trust domain. Never replaces one.')
    .requiredOption('--trust-domain <domain>', 'what its services belong to, e.g. prod.example.org')
    .option('--dir <dir>', 'folder for ca.pem and ca.key', DEFAULT_CA_DIR)
    .option('--valid-days <n>', 'how long it is valid', wholeNumber(1, LONGEST_DAYS), 3650)
    .addOption(new Option('--algorithm <name>', 'of its keys, and those it makes').choices(['ed25519', 'p256']).default('ed25519'))
    .addHelpText('after', HELP)
    .action(async ({ trustDomain, dir, validDays, algorithm }: InitOptions) => {
      const authority = CertificateAuthority.create({ trustDomain, validDays, algorithm, clock: io.clock });
      const { certFile, keyFile } = await writeAuthority(dir, authority);
      await output.line([{ text: `CA of the trust domain ${authority.trustDomain}`, style: 'strong' }, `, valid until ${new Date(authority.notAfter).toISOString()}`]);
      for (const line of fileFields([[certFile, "its certificate: each service's caFile"], [keyFile, 'its private key: whoever has it can be any service. Keep it off the machines that run services']])) {
        await output.line(line);
      }
      await output.line();
      await output.line(`Next: secure-stack-mesh ca issue <serviceId>${dir === DEFAULT_CA_DIR ? '' : ` --ca ${dir}`}`);
    });
}
