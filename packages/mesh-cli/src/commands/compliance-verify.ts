import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { verifyReport } from '@lemur-bookstores/adapter-compliance';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { readKeyArgument } from '../args/key-argument.js';
import { ExitCode } from '../exit-code.js';
import type { Line } from '../output/output.js';
import type { CommandContext } from './command-context.js';

interface VerifyReportOptions {
  readonly key: readonly string[];
  readonly json?: boolean;
}

const HELP = `
Exit code: 0 authentic, 1 altered or incomplete, 2 wrong usage or unreadable.

Example:
  secure-stack-mesh compliance verify ./reports/compliance-report_order-service_20260101T000000Z_20260201T000000Z.json --key audit-key.txt`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `compliance verify <file>`. */
export function addComplianceVerify(compliance: Command, context: CommandContext): void {
  compliance
    .command('verify')
    .summary('check that a report is what was signed')
    .description("Checks a report's files under the public key of the ledger that it is from: the file and those beside it that differ in the ending alone (.json, .csv, .html, .note).")
    .argument('<file>', "one of a report's files")
    .requiredOption('--key <key or file>', "the ledger's public key, as audit key prints it, or a file of such; repeatable", collect)
    .option('--json', 'the result as JSON')
    .addHelpText('after', HELP)
    .action(async (file: string, options: VerifyReportOptions) => {
      context.exit(await verifyFiles(file, options, context));
    });
}

async function verifyFiles(file: string, { key, json = false }: VerifyReportOptions, { output }: CommandContext): Promise<ExitCode> {
  const base = /^(.*)\.(?:json|csv|html|note)$/s.exec(file)?.[1];
  if (base === undefined) throw new MeshError('invalid_option', `'${file}' does not end in .json, .csv, .html or .note`);
  const publicKey = (await Promise.all(key.map(readKeyArgument))).flat();
  const [content, note, csv, html] = [await readFile(`${base}.json`), await readFile(`${base}.note`), await readIfThere(`${base}.csv`), await readIfThere(`${base}.html`)];
  const result = verifyReport({ json: content, note, csv, html }, publicKey);
  const missing = Object.entries({ csv, html }).flatMap(([name, bytes]) => (bytes === undefined ? [name] : []));
  if (json) {
    const shown = result.status === 'authentic' ? { status: result.status, contentSha256: result.contentSha256, missing } : { ...result, missing };
    await output.line(JSON.stringify(shown));
  } else {
    const lines: Line[] =
      result.status === 'authentic'
        ? [[`${base}: `, { text: 'AUTHENTIC', style: 'good' }], `  ${result.report.title}`, `  content hash ${result.contentSha256}`, ...missing.map((name): Line => ({ text: `  .${name} is not there, and was not checked`, style: 'warning' }))]
        : [[`${base}: `, { text: 'ALTERED', style: 'bad' }], ...result.problems.map((problem): Line => ({ text: `  ${problem}`, style: 'bad' }))];
    for (const line of lines) await output.line(line);
  }
  return result.status === 'authentic' ? ExitCode.ok : ExitCode.notProven;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
