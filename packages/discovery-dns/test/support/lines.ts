import type { Logger } from '@lemur-bookstores/mesh-interface';

/** A logger that keeps what it is told, each line with its level in front. */
export class Lines implements Logger {
  readonly all: string[] = [];
  debug = (message: string): void => void this.all.push(`debug ${message}`);
  info = (message: string): void => void this.all.push(`info ${message}`);
  warn = (message: string): void => void this.all.push(`warn ${message}`);
  error = (message: string): void => void this.all.push(`error ${message}`);
}
