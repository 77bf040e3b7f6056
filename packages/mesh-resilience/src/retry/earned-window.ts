const SLOTS = 10;

/** What was earned within a time that goes along with the present: what is not used in it is lost. Ten steps of that time are told apart. */
export class EarnedWindow {
  readonly #slotMs: number;
  readonly #slots = new Float64Array(SLOTS);
  /** Number of the step that is filled, since the clock began. */
  #step = 0;

  /** @param windowMs 0: nothing is kept */
  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  earn(amount: number, now: number): void {
    if (this.#slotMs === 0) return;
    this.#goTo(now);
    this.#slots[this.#step % SLOTS]! += amount;
  }

  /** Takes one, the oldest first. @returns false where there is less */
  spend(now: number): boolean {
    if (this.#slotMs === 0) return false;
    this.#goTo(now);
    let missing = 1;
    if (this.#slots.reduce((sum, slot) => sum + slot, 0) < missing) return false;
    for (let i = 1; i <= SLOTS; i++) {
      const slot = (this.#step + i) % SLOTS;
      const taken = Math.min(missing, this.#slots[slot]!);
      this.#slots[slot]! -= taken;
      missing -= taken;
    }
    return true;
  }

  #goTo(now: number): void {
    const step = Math.floor(now / this.#slotMs);
    // A call says when it began, which may be a little before what was spent last.
    if (step <= this.#step) return;
    const passed = Math.min(SLOTS, step - this.#step);
    for (let i = 1; i <= passed; i++) this.#slots[(this.#step + i) % SLOTS] = 0;
    this.#step = step;
  }
}
