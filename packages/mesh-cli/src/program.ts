import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { FROM_MESH } from './admin/admin-client.js';
import type { CommandIo } from './command-io.js';
import { addAuditKey } from './commands/audit-key.js';
import { addAuditQuery } from './commands/audit-query.js';
import { addAuditTail } from './commands/audit-tail.js';
import { addAuditVerify } from './commands/audit-verify.js';
import { addCaInit } from './commands/ca-init.js';
import { addCaIssue } from './commands/ca-issue.js';
import type { CommandContext } from './commands/command-context.js';
import { addComplianceReport } from './commands/compliance-report.js';
import { addComplianceVerify } from './commands/compliance-verify.js';
import { addHealth } from './commands/health.js';
import { addKeysRotate } from './commands/keys-rotate.js';
import { addKeysStatus } from './commands/keys-status.js';
import { addStatus } from './commands/status.js';
import { addTopology } from './commands/topology.js';
import { ExitCode } from './exit-code.js';
import { errorText } from './output/error-text.js';
import { Output } from './output/output.js';

const HELP = `
Example:
  secure-stack-mesh audit verify ./logs/audit --key audit-key.txt`;

const CA_HELP = `
Example:
  secure-stack-mesh ca init --trust-domain prod.example.org
  secure-stack-mesh ca issue order-service`;

const COMPLIANCE_HELP = `
Example:
  secure-stack-mesh compliance report --directory ./logs/compliance --from 2026-01-01 --to 2026-02-01 --out ./reports`;

const KEYS_HELP = `
Example:
  secure-stack-mesh keys rotate --url http://127.0.0.1:9464`;

/** Runs the command line `args` (without node and script). @returns the process's exit code; throws nothing */
export async function runProgram(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const output = new Output(io.stdout, io.env);
  const messages = new Output(io.stderr, io.env);
  let code: ExitCode = ExitCode.ok;
  try {
    await programOf({ io, output, messages, exit: (ending) => void (code = ending) }).parseAsync(args, { from: 'user' });
  } catch (error) {
    code = await failed(error, messages);
  }
  try {
    await output.end();
  } catch (error) {
    // What was asked for is not where it should be: no other outcome counts.
    code = await failed(error, messages);
  }
  await messages.end().catch(() => undefined);
  return code;
}

function programOf(context: CommandContext): Command {
  const { output, messages } = context;
  const program = new Command('secure-stack-mesh')
    .description('Verifies, searches and follows audit trails of secure-stack-mesh, reports on keys and their changes, makes identities for services, and asks a mesh that runs.')
    .version(version(), '-V, --version')
    .exitOverride()
    .showHelpAfterError('(--help says what there is)')
    .configureOutput({
      // Both are waited for by the end of the program, as all that is written.
      writeOut: (text) => void output.text(text),
      writeErr: (text) => void messages.text(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => output.columns ?? 100,
      getErrHelpWidth: () => messages.columns ?? 100,
    })
    .addHelpText('after', HELP);
  const audit = program.command('audit').description('audit trails on disk').addHelpText('after', HELP);
  addAuditVerify(audit, context);
  addAuditQuery(audit, context);
  addAuditTail(audit, context);
  addAuditKey(audit, context);
  const ca = program.command('ca').description('identities for services: a certificate authority of your own').addHelpText('after', CA_HELP);
  addCaInit(ca, context);
  addCaIssue(ca, context);
  const compliance = program.command('compliance').description('evidence about keys and their changes').addHelpText('after', COMPLIANCE_HELP);
  addComplianceReport(compliance, context);
  addComplianceVerify(compliance, context);
  addStatus(program, context);
  addHealth(program, context);
  addTopology(program, context);
  const keys = program.command('keys').description('keys of a mesh that runs').addHelpText('after', KEYS_HELP);
  addKeysStatus(keys, context);
  addKeysRotate(keys, context);
  return program;
}

/** @returns what the process ends with */
async function failed(error: unknown, messages: Output): Promise<ExitCode> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  for (const line of `error: ${errorText(error)}`.split('\n')) await messages.line(line);
  return codeOf(error);
}

/** Who asks a mesh tells by it whether anybody was there. */
function codeOf(error: unknown): ExitCode {
  if (!MeshError.is(error)) return ExitCode.usage;
  if (error.reason === 'admin_unreachable' || error.reason === 'admin_answer_invalid') return ExitCode.unreachable;
  return error.details === FROM_MESH ? ExitCode.notProven : ExitCode.usage;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return manifest.version;
}
