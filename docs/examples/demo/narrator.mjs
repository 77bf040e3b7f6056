import { ms, number, sparkline } from './screen.mjs';

const FRAME_MS = 250;
const SPARKS = 36;

/** Tells what happens, with the time at which it does, and keeps the live figures below it. */
export class Narrator {
  #screen;
  #stage;
  #startedAt;
  #frames;
  #rates = [];

  constructor(screen, stage) {
    this.#screen = screen;
    this.#stage = stage;
  }

  /** Since the load began. */
  get elapsedMs() {
    return this.#startedAt === undefined ? 0 : performance.now() - this.#startedAt;
  }

  beginClock() {
    this.#startedAt = performance.now();
    this.#frames = setInterval(() => this.#showFigures(), FRAME_MS);
  }

  /** No more live figures. */
  endFigures() {
    clearInterval(this.#frames);
    this.#screen.clear();
  }

  end() {
    this.endFigures();
    this.#screen.close();
  }

  title(text) {
    this.#screen.print();
    this.#screen.print(this.#screen.style('bold', text));
    this.#screen.print();
  }

  line(text = '') {
    this.#screen.print(text === '' ? '' : `  ${text}`);
  }

  start(text, detail) {
    this.#say('green', '▶', text);
    if (detail !== undefined) this.detail(detail);
  }

  news(text) {
    this.#say('cyan', '•', text);
  }

  good(text, detail) {
    this.#say('green', '✓', text);
    if (detail !== undefined) this.detail(detail);
  }

  warn(text, detail) {
    this.#say('yellow', '!', text);
    this.detail(detail);
  }

  bad(text) {
    this.#say('red', '✗', text);
  }

  detail(text) {
    this.#screen.print(this.#screen.style('dim', `${' '.repeat(12)}${text}`));
  }

  #say(style, mark, text) {
    this.#screen.print(`${this.#screen.style('dim', this.#clock())}  ${this.#screen.style(style, mark)} ${text}`);
  }

  #clock() {
    return `${(this.elapsedMs / 1_000).toFixed(1).padStart(6)} s`;
  }

  #showFigures() {
    const { answered, p50, p99 } = this.#stage.recent.lastSecond();
    this.#rates.push(answered);
    if (this.#rates.length > SPARKS) this.#rates.shift();
    const { style } = this.#screen;
    const { tally, trail, connections } = this.#stage;
    const counts = `failed ${number(tally.failed).padEnd(5)} rotations ${number(trail.rotationCount).padEnd(3)}`;
    // With the time before it, it fits a terminal of 80 columns.
    const figures = `${number(answered).padStart(5)} calls/s  p50 ${ms(p50).padEnd(8)} p99 ${ms(p99).padEnd(8)} ${counts}`;
    const path = ['gateway', 'order', 'payment'].map((name) => (this.#stage.process(name).exit === undefined ? style('cyan', name) : style('red', name)));
    const curve = style('green', sparkline(this.#rates, Math.max(...this.#rates)));
    this.#screen.update(['', `${this.#clock()}    ${path.join(' ─▸ ')}   ${curve}`, `            ${figures}`], `${this.#clock()}    ${figures} connections ${connections}`);
  }
}
