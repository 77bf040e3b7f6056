/** PagerDuty's limit for an integration key: calls within a sliding window. */
const LIMIT = 120;
const WINDOW_MS = 60_000;

/**
 * How many calls may still be made. A call counts from its beginning until a window after its end: whenever in between it came to the other end, no window there sees more than the limit.
 */
export class CallBudget {
  #underWay = 0;
  /** When calls ended, in order. */
  readonly #ended: number[] = [];

  isFree(now: number): boolean {
    while (this.#ended.length > 0 && (this.#ended[0] as number) + WINDOW_MS <= now) this.#ended.shift();
    return this.#underWay + this.#ended.length < LIMIT;
  }

  /** When the next call may be made, if none ends before; `Infinity` where that takes one that is under way. */
  freeAt(now: number): number {
    return this.isFree(now) ? now : (this.#ended[0] ?? Infinity) + WINDOW_MS;
  }

  begin(): void {
    this.#underWay++;
  }

  end(now: number): void {
    this.#underWay--;
    this.#ended.push(now);
  }
}
