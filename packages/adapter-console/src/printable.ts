/** Characters of one string that are shown; a log is not the place for more. */
export const MAX_TEXT_LENGTH = 8_192;
const MAX_NAME_LENGTH = 256;
const MAX_ENTRIES = 100;
const MAX_DEPTH = 8;
/** What an event may cost in all: a character costs 1, a value 1 more. Ends cycles that branch, too. */
const MAX_COST = 65_536;

/** Cuts what is longer, and says by how much. */
export function cutText(text: string, max = MAX_TEXT_LENGTH): string {
  return text.length <= max ? text : `${text.slice(0, max)}…[+${text.length - max} chars]`;
}

/**
 * A copy of a value that JSON can hold, in size for a line: the audit logger redacts and caps what it hands out, but an adapter
 * is also used alone.
 * @param text what becomes of each string and name, once it is cut
 */
export function printable(value: unknown, text: (text: string) => string = (same) => same): unknown {
  let cost = 0;

  const shown = (whole: string, max?: number): string => {
    const cut = cutText(whole, max);
    cost += cut.length;
    return text(cut);
  };

  const copy = (original: unknown, depth: number): unknown => {
    if (++cost > MAX_COST) return '[cut]';
    switch (typeof original) {
      case 'string':
        return shown(original);
      case 'number':
        return Number.isFinite(original) ? original : String(original);
      case 'boolean':
      case 'undefined':
        return original;
      case 'bigint':
        return shown(String(original));
      case 'object':
        return original === null ? null : container(original, depth);
      default:
        return `[${typeof original}]`;
    }
  };

  const container = (original: object, depth: number): unknown => {
    if (original instanceof Date) return Number.isNaN(original.getTime()) ? 'Invalid Date' : original.toISOString();
    if (ArrayBuffer.isView(original)) return `[${original.byteLength} bytes]`;
    if (depth >= MAX_DEPTH) return '[deep]';
    if (Array.isArray(original)) {
      const items = original.slice(0, MAX_ENTRIES).map((item) => copy(item, depth + 1));
      return original.length > MAX_ENTRIES ? [...items, `[${original.length - MAX_ENTRIES} more]`] : items;
    }
    const names = Object.keys(original);
    const fields = original as Readonly<Record<string, unknown>>;
    const entries = names.slice(0, MAX_ENTRIES).map((name) => [shown(name, MAX_NAME_LENGTH), copy(fields[name], depth + 1)] as const);
    if (names.length > MAX_ENTRIES) entries.push(['…', `[${names.length - MAX_ENTRIES} more]`]);
    return Object.fromEntries(entries);
  };

  return copy(value, 0);
}
