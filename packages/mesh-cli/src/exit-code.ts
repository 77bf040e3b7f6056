/** What scripts can tell an outcome by. */
export const ExitCode = {
  /** Done; for `audit verify` and `compliance`: authentic. */
  ok: 0,
  /** For `audit verify` and `compliance`: tampered, or consistent but under no key. */
  notProven: 1,
  /** The command line is wrong, or what it names cannot be read or written. */
  usage: 2,
} as const;

/** One of {@link ExitCode}. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
