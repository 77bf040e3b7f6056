/** C0, DEL, C1, line and paragraph separators, and every format character (bidi controls among them): what could move a terminal's cursor or reorder a line. */
const CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const HAS_CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** Replaces every control character by its escape, and cuts what is longer than `maxLength` characters, saying so. */
export function escapeControls(text: string, maxLength = 8_192): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}… (${text.length - maxLength} more)` : text;
  return HAS_CONTROLS.test(cut) ? cut.replace(CONTROLS, escaped) : cut;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
