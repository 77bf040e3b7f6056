import type { Clock } from '@lemur-bookstores/mesh-interface';

/** A stream that may be a terminal. */
export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  /** Width of the terminal, in characters. */
  readonly columns?: number;
};

/** All that a command has of the world around it, files apart: tests hand in their own. */
export interface CommandIo {
  readonly stdin: AsyncIterable<string | Uint8Array>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Calls back when the user interrupts (SIGINT, SIGTERM), which until the returned function is called no longer ends the process. */
  onInterrupt(callback: () => void): () => void;
}
