import type { Command } from 'commander';
import { tailLog } from '@lemur-bookstores/mesh-log';
import { addFilterOptions, filterOf, type FilterOptions } from '../args/filter-options.js';
import { addFormatOptions, formatOf, type FormatOptions } from '../args/format-options.js';
import { assertLogs, hasLogs } from '../args/log-folder.js';
import { wholeNumber } from '../args/number-argument.js';
import { EventLines } from '../output/event-lines.js';
import type { CommandContext } from './command-context.js';

interface TailOptions extends FilterOptions, FormatOptions {
  readonly follow?: boolean;
  readonly lines: number;
}

/** Of each log so many events are held in memory. */
const MAX_LINES = 100_000;

const HELP = `
Examples:
  secure-stack-mesh audit tail ./logs/audit -n 50
  secure-stack-mesh audit tail ./logs/audit -f --failed
  secure-stack-mesh audit tail ./logs/audit -f --action auth.denied | while read -r event; do notify "$event"; done`;

/** `audit tail <dir>`. */
export function addAuditTail(audit: Command, context: CommandContext): void {
  const tail = audit
    .command('tail')
    .summary('print the newest events, and follow')
    .description('Prints the newest events of one log, or of all logs in a folder. With -f it goes on with what is written, until it is interrupted. Verifies nothing: see audit verify.')
    .argument('<dir>', "a log's folder, or the one with the logs of several services")
    .option('-n, --lines <n>', 'how many to begin with', wholeNumber(0, MAX_LINES), 10)
    .option('-f, --follow', 'go on with what is written, also in logs that are begun meanwhile');
  addFormatOptions(addFilterOptions(tail, context.io.clock)).addHelpText('after', HELP);
  tail.action((directory: string, options: TailOptions) => tailLogs(directory, options, context));
}

async function tailLogs(directory: string, options: TailOptions, { io, output, messages }: CommandContext): Promise<void> {
  const { follow = false, lines: last } = options;
  const filter = filterOf(options);
  if (!follow) await assertLogs(directory);
  else if (!(await hasLogs(directory)) && output.isTerminal) await messages.line(`there is no audit log in '${directory}' yet: waiting for one`);
  const lines = new EventLines(output, formatOf(options, output));
  const interrupted = new AbortController();
  const signal = AbortSignal.any([interrupted.signal, output.gone]);
  // Without -f it ends by itself, and an interrupt ends it as any program.
  const stopListening = follow ? io.onInterrupt(() => interrupted.abort()) : undefined;
  try {
    for await (const event of tailLog(directory, { ...filter, last, follow, signal, clock: io.clock })) {
      await lines.write(event);
      if (signal.aborted) break;
    }
  } finally {
    stopListening?.();
  }
}
