/** Texts that try to forge lines, move a terminal's cursor, hide or reorder text, or end a field early. */
export const HOSTILE_TEXTS: readonly string[] = [
  // ESC, CSI, OSC, DCS, in 7 and 8 bits
  '\u001b[2J\u001b[H', '\u001b[31mred', '\u009b31m', '\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\', '\u001b]52;c;ZXZpbA==\u0007', '\u001bP+q\u001b\\', '\u009d0;title\u009c',
  // Line ends: CR, LF, NEL, the separators, VT and FF
  'a\r\nINFO forged line', 'a\nb', 'a\rb', 'a\u0085b', 'a\u2028b', 'a\u2029b', 'a\vb\fc',
  'nul\0byte', 'bell\u0007', 'back\b\b\b', 'tab\there', 'del\u007f',
  // Bidi controls, marks, and what takes no room
  '\u202egnp.exe', '\u2066isolate\u2069', '\u202a\u202b\u202c\u202d', 'left\u200eright\u200f', 'zero\u200bwidth\u200cjoin\u200d', '\ufeffbom', '\u00adsoft', '\u061cmark', '\u2060\u2061\u2064',
  '\ufff9\ufffa\ufffb', '\u{e0001}\u{e0041}tag', '\u180e',
  // What ends a field in JSON, CSV, logfmt, SQL, XML, templates
  '"}\n{"level":"info","forged":true}', '\\u001b[31m', '\\n', 'quote " and \\ backslash', "'; drop table events; --", ',=cmd|calc!A0', '</script><script>alert(1)</script>', '${7*7}{{7*7}}%s%n',
];
