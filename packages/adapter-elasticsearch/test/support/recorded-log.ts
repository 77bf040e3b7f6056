import type { Logger } from '@lemur-bookstores/mesh-interface';

/** A logger that keeps what it is told, and the warnings among that. */
export class RecordedLog implements Logger {
  readonly warnings: string[] = [];
  readonly lines: string[] = [];

  debug(message: string): void {
    this.lines.push(message);
  }

  info(message: string): void {
    this.lines.push(message);
  }

  warn(message: string): void {
    this.lines.push(message);
    this.warnings.push(message);
  }

  error(message: string): void {
    this.lines.push(message);
  }
}
