import type { Command } from 'commander';
import { addAdminOptions, adminClient, type AdminOptions } from '../args/admin-options.js';
import type { JsonValue } from '../admin/json-value.js';
import { ExitCode } from '../exit-code.js';
import type { Span, Style } from '../output/output.js';
import { headings, table } from '../output/table.js';
import { ADMIN_HELP } from './admin-help.js';
import type { CommandContext } from './command-context.js';

const PROBES = ['live', 'ready', 'startup'] as const;
const STYLES: Readonly<Record<string, Style>> = { pass: 'good', warn: 'warning', fail: 'bad' };

const HELP = `${ADMIN_HELP}

Examples:
  secure-stack-mesh health
  secure-stack-mesh health --url http://orders.internal:9464 --json`;

/** `health`. */
export function addHealth(program: Command, context: CommandContext): void {
  const health = program
    .command('health')
    .summary('ask a mesh how it does')
    .description('Asks the three probes of a mesh, and shows what its checks found. Probes need no token; why one fails is told to operators only.');
  addAdminOptions(health, 10)
    .addHelpText('after', HELP)
    .action((options: AdminOptions) => showHealth(options, context));
}

async function showHealth(options: AdminOptions, context: CommandContext): Promise<void> {
  const { io, output } = context;
  const client = await adminClient(options, io);
  const found: { readonly probe: string; readonly status: number; readonly body: JsonValue }[] = [];
  for (const probe of PROBES) found.push({ probe, ...(await client.get(`/health/${probe}`, [503])) });
  const isWell = found.every(({ status }) => status === 200);
  if (!isWell) context.exit(ExitCode.notProven);
  if (options.json === true) return output.line(JSON.stringify({ ok: isWell, ...Object.fromEntries(found.map(({ probe, body }) => [probe, body])) }));
  const rows = found.map(({ probe, body }) => [probe, styled(body.at('status').text()), body.at('output').text() ?? '']);
  for (const line of table(rows)) await output.line(line);
  const checks = found.find(({ probe }) => probe === 'ready')?.body.at('checks').entries() ?? [];
  if (checks.length === 0) return;
  await output.line();
  const details = checks.map(([name, list]) => {
    const [check] = list.list();
    return [name, styled(check?.at('status').text()), check?.at('output').text() ?? ''];
  });
  for (const line of table([headings('CHECK', 'STATUS', 'WHY'), ...details])) await output.line(line);
}

const styled = (status = '?'): Span => ({ text: status, style: STYLES[status] ?? 'warning' });
