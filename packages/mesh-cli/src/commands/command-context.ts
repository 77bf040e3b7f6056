import type { CommandIo } from '../command-io.js';
import type { ExitCode } from '../exit-code.js';
import type { Output } from '../output/output.js';

/** What a command works with. */
export interface CommandContext {
  readonly io: CommandIo;
  /** Results. */
  readonly output: Output;
  /** Everything else. */
  readonly messages: Output;
  /** Ends the program with another code than 0. */
  exit(code: ExitCode): void;
}
