const METHODS = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;
type Write = (...values: unknown[]) => unknown;

/** Runs something and keeps what meanwhile goes to the console, stdout and stderr. It goes there all the same. */
export async function outputOf(run: () => Promise<void>): Promise<readonly unknown[]> {
  const output: unknown[] = [];
  const restore: (() => void)[] = [];
  const tap = (owner: object, name: string): void => {
    const methods = owner as Record<string, Write>;
    const original = methods[name];
    if (original === undefined) return;
    const isOwn = Object.hasOwn(owner, name);
    methods[name] = (...values) => {
      output.push(...values);
      return Reflect.apply(original, owner, values);
    };
    restore.push(() => {
      if (isOwn) methods[name] = original;
      else delete methods[name];
    });
  };
  for (const name of METHODS) tap(globalThis.console, name);
  tap(process.stdout, 'write');
  tap(process.stderr, 'write');
  try {
    await run();
  } finally {
    for (const undo of restore) undo();
  }
  return output;
}
