import { Option, type Command } from 'commander';
import { verifyAuditLog, type AuditVerification } from '@lemur-bookstores/mesh-log';
import { readCheckpointArgument } from '../args/checkpoint-argument.js';
import { readKeyArgument } from '../args/key-argument.js';
import { assertLogs } from '../args/log-folder.js';
import { ExitCode } from '../exit-code.js';
import { verificationReport } from '../output/verification-report.js';
import type { CommandContext } from './command-context.js';

interface VerifyOptions {
  /** `false`: `--no-key`. */
  readonly key?: readonly string[] | false;
  readonly checkpoint?: readonly string[];
  readonly strict?: boolean;
  readonly json?: boolean;
}

const HELP = `
Exit code: 0 authentic, 1 tampered or not authenticated, 2 wrong usage or unreadable.

Examples:
  secure-stack-mesh audit verify ./logs/audit --key audit-key.txt
  secure-stack-mesh audit verify ./logs/audit/order-service --checkpoint kept.jsonl --strict
  ssh witness cat checkpoints.jsonl | secure-stack-mesh audit verify ./logs/audit --checkpoint -`;

/** Of an option that may be given more than once; `false` where `--no-key` came before. */
const collect = (value: string, before: readonly string[] | false = []): string[] => [...(before === false ? [] : before), value];

/** `audit verify <dir>`: PROTOCOL 7.9. */
export function addAuditVerify(audit: Command, context: CommandContext): void {
  const verify = audit
    .command('verify')
    .summary('check that a log is what was written')
    .description('Checks that one log, or all logs in a folder, are what was written, under a key or against checkpoints that were kept elsewhere. Changes nothing.')
    .argument('<dir>', "a log's folder, or the one with the logs of several services")
    .option('--key <key or file>', 'verifier key (origin+id+key), raw Ed25519 key in base64, or a file of such; repeatable', collect)
    .addOption(new Option('--checkpoint <file>', 'signed notes, or JSON Lines with audit.checkpoint events; - for stdin; repeatable').argParser(collect))
    .option('--no-key', 'be content with a log that fits itself: consistent, not authenticated')
    .option('--strict', 'records that are not authenticated are a failure')
    .option('--json', 'the result as JSON')
    .addHelpText('after', HELP);
  // Commander lets the later of the two win: which was meant, nobody knows.
  const given = { key: false, none: false };
  verify.on('option:key', () => void (given.key = true));
  verify.on('option:no-key', () => void (given.none = true));
  verify.action(async (directory: string, options: VerifyOptions) => {
    if (given.none && (given.key || options.strict === true)) {
      verify.error(`error: option '--no-key' cannot be used with option '${given.key ? '--key' : '--strict'}'`);
    }
    context.exit(await verifyLogs(directory, options, context));
  });
}

async function verifyLogs(directory: string, { key = [], checkpoint = [], strict = false, json = false }: VerifyOptions, { io, output }: CommandContext): Promise<ExitCode> {
  const publicKey = (await Promise.all((key === false ? [] : key).map(readKeyArgument))).flat();
  let kept: string[] = [];
  for (const file of checkpoint) kept = kept.concat(await readCheckpointArgument(file, io.stdin));
  // With a checkpoint at hand it is known that there was a log: that is for the verification to say.
  if (kept.length === 0) await assertLogs(directory);
  const result = await verifyAuditLog(directory, { publicKey, checkpoint: kept });
  if (json) await output.line(JSON.stringify({ proven: isProven(result, key === false, strict), ...result }));
  else for (const line of verificationReport(result, { keys: publicKey.length, checkpoints: kept.length })) await output.line(line);
  return isProven(result, key === false, strict) ? ExitCode.ok : ExitCode.notProven;
}

function isProven({ status, logs }: AuditVerification, withoutKey: boolean, strict: boolean): boolean {
  if (strict && logs.some(({ notAuthenticated }) => notAuthenticated.length > 0)) return false;
  return status === 'authentic' || (status === 'consistent' && withoutKey);
}
