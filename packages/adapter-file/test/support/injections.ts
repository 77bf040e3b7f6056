/** Texts that try to forge lines, move the cursor, hide or reorder text, or just be too much. */
export const INJECTIONS: readonly string[] = [
  ...Array.from({ length: 0xa1 }, (_, code) => `a${String.fromCharCode(code)}b`),
  '\u001b[2J\u001b[H', '\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\', 'a\r\n{"n":0,"prev":"forged"}', 'a\u2028b\u2029c', '\u202egnp.exe', '\u2066isolate\u2069',
  '\ufeffbom', '\u00adsoft', '\u061cmark', '\ufff9\ufffa\ufffb', '\u{e0001}\u{e0041}tag', '\ud800lone', 'lone\udfff', '"}\n{"log":"closed"}', '\\u001b[31m', 'ä€😀', 'x'.repeat(1_048_576),
];

/** Anything that a terminal, a pager or an editor would act on. */
export const RAW_CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
