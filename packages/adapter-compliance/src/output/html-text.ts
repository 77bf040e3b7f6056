import { escapeControls } from '@lemur-bookstores/mesh-interface';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;', '=': '&#61;' };

/** HTML that was escaped already, or written here. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a {@link html} template: everything but {@link Html} is escaped. */
export type HtmlValue = Html | string | number | undefined | readonly HtmlValue[];

/** A template whose values are escaped, wherever they stand: what forgets to escape cannot be written. Control and format characters are shown as `\u202e`. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.map((part, index) => part + (index < values.length ? htmlOf(values[index]) : '')).join(''));
}

function htmlOf(value: HtmlValue): string {
  if (value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number') return escapeControls(String(value)).replace(/[&<>"'`=]/g, (character) => ENTITIES[character] ?? '');
  return value instanceof Html ? value.text : value.map(htmlOf).join('');
}
