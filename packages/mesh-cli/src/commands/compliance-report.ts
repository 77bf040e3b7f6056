import { Option, type Command } from 'commander';
import { reportForms, reportFromLedger, signReport, STANDARDS, writeReportFiles, type ComplianceReport, type WrittenReport } from '@lemur-bookstores/adapter-compliance';
import { defaultKeysDir, MeshError } from '@lemur-bookstores/mesh-interface';
import { readSigningKeys, type SigningKeys } from '@lemur-bookstores/mesh-log';
import { readCheckpointArgument } from '../args/checkpoint-argument.js';
import { readKeyArgument } from '../args/key-argument.js';
import { hasLogs } from '../args/log-folder.js';
import { wholeNumber } from '../args/number-argument.js';
import { parseTime } from '../args/time-argument.js';
import { ExitCode } from '../exit-code.js';
import { errorText } from '../output/error-text.js';
import { complianceSummary } from '../output/compliance-summary.js';
import type { CommandContext } from './command-context.js';

interface ReportCommandOptions {
  readonly directory: string;
  readonly from: Date;
  readonly to: Date;
  readonly out: string;
  readonly service?: string;
  readonly standard?: string;
  readonly requirement?: string;
  readonly keysDir?: string;
  readonly key?: readonly string[];
  readonly checkpoint?: readonly string[];
  readonly maxRows?: number;
  readonly unsigned?: boolean;
  readonly json?: boolean;
}

const MOST_ROWS = 100_000;

const HELP = `
Standards: ${STANDARDS.map(({ id, requirements }) => `${id} ${requirements.map((each) => each.id).join(' ')}`).join('; ')}.
Exit code: 0 written, from ledgers that are authentic; 1 a ledger is tampered with (nothing is written) or not authenticated; 2 wrong usage or unreadable.

Examples:
  secure-stack-mesh compliance report --directory ./logs/compliance --from 2026-01-01 --to 2026-02-01 --out ./reports
  secure-stack-mesh compliance report --directory ./logs/compliance --from 30d --to 0s --standard ISO-27001 --requirement A.8.24
  secure-stack-mesh compliance report --directory ./copy --from 2026-01-01 --to 2026-02-01 --key audit-key.txt --unsigned`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `compliance report`. */
export function addComplianceReport(compliance: Command, context: CommandContext): void {
  const { io } = context;
  const time = (text: string): Date => parseTime(text, io.clock.now());
  compliance
    .command('report')
    .summary('make a report about keys and their changes in a period')
    .description('Makes a report of the evidence ledgers in a folder for a period, as JSON, CSV and HTML, and signs it. Ledgers are verified first, and not changed.')
    .requiredOption('--directory <dir>', "the folder of ledgers (compliance in the service's paths.logsDir), or one ledger")
    .addOption(new Option('--from <time>', 'from then on: a date (UTC unless it has a zone), or how long ago, as 30d').argParser(time).makeOptionMandatory())
    .addOption(new Option('--to <time>', 'before that').argParser(time).makeOptionMandatory())
    .option('--out <dir>', 'folder for the files; none is replaced', '.')
    .option('--service <id>', 'of this service alone')
    .option('--standard <name>', 'instead of what the ledger was kept for, with --requirement')
    .option('--requirement <number>', 'its number, in any version of the standard')
    .option('--keys-dir <dir>', "the service's keys folder, whose key signs (default: MESH_KEYS_DIR, else that of this user)")
    .option('--key <key or file>', 'with --unsigned: the public key to verify the ledgers under, as for audit verify; repeatable', collect)
    .addOption(new Option('--checkpoint <file>', 'checkpoints of the ledgers that were kept elsewhere, as for audit verify; repeatable').argParser(collect))
    .addOption(new Option('--max-rows <n>', 'rows that each list may have; others are counted').argParser(wholeNumber(1, MOST_ROWS)))
    .addOption(new Option('--unsigned', 'sign nothing: for who has the public key alone').conflicts('keysDir'))
    .option('--json', 'what was made as JSON')
    .addHelpText('after', HELP)
    .action(async (options: ReportCommandOptions) => {
      context.exit(await makeReport(options, context));
    });
}

async function makeReport(options: ReportCommandOptions, { io, output, messages }: CommandContext): Promise<ExitCode> {
  const { directory, from, to, out, unsigned = false, keysDir = defaultKeysDir(io.env), service, standard, requirement, maxRows, json = false } = options;
  if (!(await hasLogs(directory))) throw new MeshError('invalid_option', `--directory: there is no ledger in '${directory}', nor in the folders of it`);
  // Signed by one key and verified under another it would say nothing about the ledger's owner.
  if (!unsigned && options.key !== undefined) throw new MeshError('invalid_option', '--key: goes with --unsigned; what is signed is verified under the keys of --keys-dir');
  const signers = unsigned ? undefined : await signersOf(keysDir);
  let checkpoint: string[] = [];
  for (const file of options.checkpoint ?? []) checkpoint = checkpoint.concat(await readCheckpointArgument(file, io.stdin));
  const publicKey = signers === undefined ? (await Promise.all((options.key ?? []).map(readKeyArgument))).flat() : [signers.key, ...signers.previousKeys].map((each) => each.publicKey.toString('base64'));
  let report: ComplianceReport;
  try {
    report = await reportFromLedger(directory, { from, to }, { service, standard, requirement, maxRows, publicKey, checkpoint, clock: io.clock });
  } catch (error) {
    if (!MeshError.is(error) || error.reason !== 'log_tampered') throw error;
    await messages.line({ text: errorText(error), style: 'bad' });
    return ExitCode.notProven;
  }
  const files = signers === undefined ? reportForms(report) : signReport(report, signers.key);
  const written: WrittenReport = await writeReportFiles(report, files, out);
  const proven = report.ledgers.every(({ status }) => status === 'authentic');
  if (json) await output.line(JSON.stringify({ proven, signed: signers !== undefined, contentSha256: files.contentSha256, files: written, summary: report.summary }));
  else for (const line of complianceSummary(report, written)) await output.line(line);
  return proven ? ExitCode.ok : ExitCode.notProven;
}

async function signersOf(keysDir: string): Promise<SigningKeys> {
  try {
    return await readSigningKeys(keysDir);
  } catch (error) {
    if (!MeshError.is(error) || error.reason !== 'log_key_missing') throw error;
    throw new MeshError('log_key_missing', `${error.text}: --keys-dir names that of the service, --unsigned makes a report without a signature`, { cause: error });
  }
}
