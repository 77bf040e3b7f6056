import { inspect, isDeepStrictEqual } from 'node:util';

/** A value as JSON has it: what the sink holds and what it should hold are compared in this form. */
export function plain(value: unknown): unknown {
  const json = JSON.stringify(value) as string | undefined;
  return json === undefined ? undefined : (JSON.parse(json) as unknown);
}

/** A value in few words: some events are large. */
export function brief(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 10 });
  return text.length <= 600 ? text : `${text.slice(0, 600)} … (${text.length} characters)`;
}

/** Where the sink differs from exactly these, in this order; `undefined` if it does not. Both as {@link plain} gives them. */
export function difference(held: readonly unknown[], wanted: readonly unknown[]): string | undefined {
  const count = Math.max(held.length, wanted.length);
  for (let index = 0; index < count; index++) {
    if (index < held.length && index < wanted.length && isDeepStrictEqual(held[index], wanted[index])) continue;
    const counts = `the sink holds ${held.length}, and should hold ${wanted.length}`;
    if (index >= held.length) return `${counts}; missing from place ${index} on: ${brief(wanted[index])}`;
    if (index >= wanted.length) return `${counts}; too much from place ${index} on: ${brief(held[index])}`;
    return `${counts}; at place ${index} it holds ${brief(held[index])}, and should hold ${brief(wanted[index])}`;
  }
  return undefined;
}

/** How often the sink holds it. */
export const countOf = (held: readonly unknown[], wanted: unknown): number => held.filter((each) => isDeepStrictEqual(each, wanted)).length;

/**
 * What is wrong with a sink that should hold each of these, in any order: `undefined` if nothing.
 * @param times how often one may be there; more than once where it was delivered again
 */
export function missing(held: readonly unknown[], wanted: readonly unknown[], times: number): string | undefined {
  for (const [index, each] of wanted.entries()) {
    const count = countOf(held, each);
    if (count < 1 || count > times) return `event ${index} of ${wanted.length} is in the sink ${count} times, not ${times === 1 ? 'once' : `1 to ${times} times`}: ${brief(each)}`;
  }
  return undefined;
}
