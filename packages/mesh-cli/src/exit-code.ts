/** What scripts can tell an outcome by. */
export const ExitCode = {
  /** Done; for `audit verify` and `compliance`: authentic; for `status`, `health` and `keys`: all is well. */
  ok: 0,
  /** For `audit verify` and `compliance`: tampered, or consistent but under no key. For what asks a mesh: it is not well, or it refused. */
  notProven: 1,
  /** The command line is wrong, or what it names cannot be read or written. */
  usage: 2,
  /** Nobody answered there, or none that is a mesh's admin endpoint. */
  unreachable: 3,
} as const;

/** One of {@link ExitCode}. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
