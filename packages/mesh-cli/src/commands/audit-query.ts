import type { Command } from 'commander';
import { queryLog } from '@lemur-bookstores/mesh-log';
import { addFilterOptions, filterOf, type FilterOptions } from '../args/filter-options.js';
import { addFormatOptions, formatOf, type FormatOptions } from '../args/format-options.js';
import { assertLogs } from '../args/log-folder.js';
import { wholeNumber } from '../args/number-argument.js';
import { EventLines } from '../output/event-lines.js';
import type { CommandContext } from './command-context.js';

interface QueryOptions extends FilterOptions, FormatOptions {
  readonly limit?: number;
}

const HELP = `
Examples:
  secure-stack-mesh audit query ./logs/audit --since 2h --failed
  secure-stack-mesh audit query ./logs/audit --action auth.denied --since 2026-01-01 --until 2026-02-01 > denied.jsonl`;

/** `audit query <dir>`. */
export function addAuditQuery(audit: Command, { io, output, messages }: CommandContext): void {
  const query = audit
    .command('query')
    .summary('print the events that fit')
    .description('Prints the events of one log, or of all logs in a folder joined by time, oldest first. Verifies nothing: see audit verify.')
    .argument('<dir>', "a log's folder, or the one with the logs of several services");
  addFilterOptions(query, io.clock).option('--limit <n>', 'how many at most, from the oldest on', wholeNumber(1, Number.MAX_SAFE_INTEGER));
  addFormatOptions(query).addHelpText('after', HELP);
  query.action(async (directory: string, options: QueryOptions) => {
    const filter = filterOf(options);
    await assertLogs(directory);
    const lines = new EventLines(output, formatOf(options, output));
    for await (const event of queryLog(directory, { ...filter, ...(options.limit !== undefined && { limit: options.limit }) })) {
      await lines.write(event);
      if (output.gone.aborted) return;
    }
    if (lines.count === 0 && output.isTerminal) await messages.line('no events fit');
  });
}
