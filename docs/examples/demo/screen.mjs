const SPARKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] };

/** Shown once a second where lines cannot be updated in place. */
const LINE_MS = 1_000;

export const number = (value, digits = 0) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const ms = (value) => (value === undefined ? '–' : value < 10 ? `${number(value, 2)} ms` : value < 1_000 ? `${number(value)} ms` : `${number(value / 1_000, 2)} s`);
export const percent = (share) => (share === undefined ? 'none' : `${number(share * 100)} %`);
export const sparkline = (values, highest) => values.map((value) => SPARKS[Math.min(7, Math.floor((value / Math.max(1, highest)) * 7.99))]).join('');

/** A terminal: lines that stay, and below them some that are updated in place. Piped, the latter become one line a second. */
export class Screen {
  #out;
  #inPlace;
  #colours;
  #live = [];
  #plainAt = -Infinity;

  constructor(out, env = process.env) {
    this.#out = out;
    this.#inPlace = out.isTTY === true && env.TERM !== 'dumb';
    this.#colours = this.#inPlace && env.NO_COLOR === undefined;
    if (this.#inPlace) out.write('\x1b[?25l');
  }

  /** @param name of {@link STYLES} */
  style = (name, text) => {
    const [on, off] = STYLES[name];
    return this.#colours ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  };

  /** A line that stays. */
  print(text = '') {
    this.#erase();
    this.#out.write(`${text}\n`);
    this.#draw();
  }

  /** Replaces the lines at the bottom. @param plain what a pipe gets instead */
  update(lines, plain) {
    if (this.#inPlace) {
      this.#erase();
      this.#live = lines;
      return this.#draw();
    }
    const now = performance.now();
    if (now - this.#plainAt < LINE_MS) return;
    this.#plainAt = now;
    this.#out.write(`${plain}\n`);
  }

  /** Takes the live lines away. */
  clear() {
    this.#erase();
    this.#live = [];
  }

  /** Takes the live lines away and gives the cursor back. */
  close() {
    this.clear();
    if (this.#inPlace) this.#out.write('\x1b[?25h');
  }

  #erase() {
    if (this.#live.length > 0) this.#out.write(`\x1b[${this.#live.length}A\r\x1b[J`);
  }

  #draw() {
    for (const line of this.#live) this.#out.write(`${cut(line, (this.#out.columns ?? 80) - 1)}\n`);
  }
}

/** A line that wrapped would be two, and the next update would miss one. Style sequences take no room. */
function cut(text, width) {
  let room = width;
  // eslint-disable-next-line no-control-regex -- the escape that begins a style
  return text.replace(/(\x1b\[\d+m)|./gu, (character, style) => (style !== undefined || room-- > 0 ? character : ''));
}
