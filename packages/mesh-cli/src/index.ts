export { ExitCode } from './exit-code.js';
export type { CommandIo, OutputStream } from './command-io.js';
export { runProgram } from './program.js';
