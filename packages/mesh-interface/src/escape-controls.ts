/**
 * Whatever could move a terminal's cursor, end or reorder a line: C0, DEL and C1 (a terminal obeys U+009B as it does ESC [), line and
 * paragraph separators, every format character (bidi controls, tags and invisible ones among them), and halves of surrogate pairs,
 * which UTF-8 cannot hold.
 */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const HAS_CONTROLS = new RegExp(CONTROLS.source, 'u');

/** Puts an escape in place of every control character, in JSON's form: inside of JSON text the meaning stays what it was. */
export function escapeControls(text: string): string {
  return HAS_CONTROLS.test(text) ? text.replace(CONTROLS, escaped) : text;
}

/** Of both halves where the character takes two. */
function escaped(character: string): string {
  let text = '';
  for (let index = 0; index < character.length; index++) text += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  return text;
}
