import { systemClock } from './clock.js';
import { escapeControls } from './escape-controls.js';

/** Data that goes with a log line. Values are shown as they are: never put a secret in. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The operational log: what an operator reads. Not the audit trail. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What {@link pinoLogger} needs of a pino instance. */
export type PinoLike = Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>;

/** What {@link winstonLogger} needs of a winston instance. */
export type WinstonLike = Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: object) => unknown>;

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Writes warnings and errors to stderr, one JSON line each: the default. */
export const stderrLogger: Logger = {
  debug() {},
  info() {},
  warn: (message, fields) => writeLine('warn', message, fields),
  error: (message, fields) => writeLine('error', message, fields),
};

/** Sends the operational log to a pino logger. */
export function pinoLogger(pino: PinoLike): Logger {
  return {
    debug: (message, fields) => pino.debug(fields ?? {}, message),
    info: (message, fields) => pino.info(fields ?? {}, message),
    warn: (message, fields) => pino.warn(fields ?? {}, message),
    error: (message, fields) => pino.error(fields ?? {}, message),
  };
}

/** Sends the operational log to a winston logger. */
export function winstonLogger(winston: WinstonLike): Logger {
  return {
    debug: (message, fields) => void winston.debug(message, fields),
    info: (message, fields) => void winston.info(message, fields),
    warn: (message, fields) => void winston.warn(message, fields),
    error: (message, fields) => void winston.error(message, fields),
  };
}

function writeLine(level: 'warn' | 'error', message: string, fields: LogFields | undefined): void {
  const own = { time: new Date(systemClock.now()).toISOString(), level, name: 'secure-stack-mesh', message };
  let line: string;
  try {
    // Twice: once for the order, once so that no field takes the place of the line's own.
    line = JSON.stringify({ ...own, ...fields, ...own }, printable);
  } catch {
    line = JSON.stringify(own);
  }
  // JSON alone escapes C0 and halves of surrogate pairs only.
  process.stderr.write(`${escapeControls(line)}\n`);
}

/** JSON shows an Error as `{}` and throws on a bigint. */
function printable(_name: string, value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === 'bigint' ? String(value) : value;
}
