import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { Span } from './output.js';

const GAP = '  ';

/** Lines up rows that come one after the other: a column grows with the widest cell so far, and is never known in advance. */
export class Columns {
  readonly #widths: number[];
  readonly #maxWidth: number;
  readonly #lineWidth: number | undefined;

  /**
   * @param widths to begin with, of all columns but the last, which takes what is left
   * @param maxWidth a wider cell pushes the rest of its own row only
   * @param lineWidth where rows are cut; `undefined`: nowhere
   */
  constructor(widths: readonly number[], { maxWidth, lineWidth }: { readonly maxWidth: number; readonly lineWidth: number | undefined }) {
    this.#widths = [...widths];
    this.#maxWidth = maxWidth;
    this.#lineWidth = lineWidth;
  }

  /** The parts of one row's line. */
  row(cells: readonly Span[]): Span[] {
    const line: Span[] = [];
    let used = 0;
    for (const [index, cell] of cells.entries()) {
      const text = escapeControls(typeof cell === 'string' ? cell : cell.text);
      const isLast = index === cells.length - 1;
      const shown = isLast ? this.#cut(text, used) : text;
      line.push(typeof cell === 'string' ? shown : { ...cell, text: shown });
      if (isLast) break;
      const width = Math.max(this.#widths[index] ?? 0, Math.min(text.length, this.#maxWidth));
      this.#widths[index] = width;
      const gap = ' '.repeat(Math.max(width - text.length, 0)) + GAP;
      line.push(gap);
      used += text.length + gap.length;
    }
    return line;
  }

  #cut(text: string, used: number): string {
    const room = Math.max((this.#lineWidth ?? Number.POSITIVE_INFINITY) - used, 1);
    if (text.length <= room) return text;
    // Not between the halves of a character.
    return `${text.slice(0, room - 1).replace(/[\ud800-\udbff]$/, '')}…`;
  }
}
