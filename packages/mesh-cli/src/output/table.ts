import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { Line, Span } from './output.js';

const GAP = '  ';
/** A wider cell pushes the rest of its own row only. */
const MAX_WIDTH = 60;

const textOf = (span: Span): string => escapeControls(typeof span === 'string' ? span : span.text);

/** Rows that are known whole, in columns. @param indent before each row */
export function table(rows: readonly (readonly Span[])[], indent = ''): Line[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_none, index) => Math.max(0, ...rows.map((row) => Math.min(textOf(row[index] ?? '').length, MAX_WIDTH))));
  return rows.map((row) => [
    indent,
    ...row.flatMap((cell, index) => (index === row.length - 1 ? [cell] : [cell, ' '.repeat(Math.max((widths[index] as number) - textOf(cell).length, 0)) + GAP])),
  ]);
}

/** A heading for them. */
export const headings = (...names: readonly string[]): Span[] => names.map((text) => ({ text, style: 'faint' }));
