import { describeAdapter } from '../../src/describe-adapter.js';
import type { AdapterDescription } from '../../src/adapter-description.js';

/** What became of each case, by its name. */
export type Results = ReadonlyMap<string, unknown>;

/** Runs the kit without a test runner. A case that passed has no error. */
export async function resultsOf(description: Omit<AdapterDescription, 'name' | 'runner'>, afterEach: () => void = () => undefined): Promise<Results> {
  const bodies = new Map<string, () => Promise<void>>();
  describeAdapter({
    name: 'collected',
    runner: { describe: (_name, body) => body(), it: (name, body) => void bodies.set(name.split(':')[0] ?? name, body) },
    ...description,
  });
  const results = new Map<string, unknown>();
  for (const [name, body] of bodies) {
    try {
      await body();
      results.set(name, undefined);
    } catch (error) {
      results.set(name, error);
    }
    afterEach();
  }
  return results;
}

/** The cases that failed, with what they say. */
export const failuresOf = (results: Results): Readonly<Record<string, string>> =>
  Object.fromEntries([...results].filter(([, error]) => error !== undefined).map(([name, error]) => [name, error instanceof Error ? error.message : String(error)]));
