import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { html, Html } from '../src/output/html-text.js';

describe('HTML', () => {
  test('escapes whatever is put in, wherever, but for HTML', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const page = html`<p title="${text}">${text}</p>`.text;
        expect(page.match(/[<>"]/g)?.join('')).toBe('<"">' + '<>');
        expect(page).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
    expect(html`${[html`<b>${'<'}</b>`, undefined, 1, 'x']}${new Html('<i>')}`.text).toBe('<b>&lt;</b>1x<i>');
  });
});
