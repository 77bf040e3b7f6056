import { Option, type Command } from 'commander';
import type { EventFormat } from '../output/event-lines.js';
import type { Output } from '../output/output.js';

/** As commander gives them. */
export interface FormatOptions {
  readonly json?: boolean;
  readonly columns?: boolean;
}

/** Adds the options that say how events are shown. */
export function addFormatOptions(command: Command): Command {
  return command
    .addOption(new Option('--json', 'JSON Lines; the default where the output is no terminal').conflicts('columns'))
    .option('--columns', 'aligned columns; the default on a terminal, where an event takes two lines at most');
}

export const formatOf = ({ json, columns }: FormatOptions, { isTerminal }: Output): EventFormat =>
  columns === true || (json !== true && isTerminal) ? 'columns' : 'json';
