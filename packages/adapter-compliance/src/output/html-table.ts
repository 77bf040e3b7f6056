import { html, type Html, type HtmlValue } from './html-text.js';

/** How a column is shown. */
export interface Column<T> {
  readonly heading: string;
  /** `span`: a length of time. `word`: room for one, so that it is not broken. */
  readonly kind?: 'number' | 'time' | 'span' | 'id' | 'word';
  readonly value: (row: T) => HtmlValue;
}

/** A table, or a line that says there is nothing in it. */
export function htmlTable<T>(rows: readonly T[], columns: readonly Column<T>[], { none, notListed = 0 }: { readonly none: string; readonly notListed?: number }): Html {
  const more = notListed === 0 ? undefined : html`<p class="none">${grouped(notListed)} more are counted above and not listed here.</p>`;
  if (rows.length === 0) return html`<p class="none">${none}</p>${more}`;
  const heads = columns.map(({ heading }) => html`<th scope="col">${heading}</th>`);
  const body = rows.map((row) => html`<tr>${columns.map((column) => cell(column, row))}</tr>\n`);
  return html`<table><thead><tr>${heads}</tr></thead><tbody>\n${body}</tbody></table>${more}`;
}

/** `1,048,576`. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

/** `2026-01-31 12:00:00.250Z`. */
export const moment = (iso: string): string => iso.replace('T', ' ').replace('.000Z', 'Z');

function cell<T>({ kind, value }: Column<T>, row: T): Html {
  return kind === undefined ? html`<td>${value(row)}</td>` : html`<td class="${kind}">${value(row)}</td>`;
}
