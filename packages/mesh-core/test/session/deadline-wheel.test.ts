import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DeadlineWheel, WheelEntry } from '../../src/session/deadline-wheel.js';
import { StallingClock } from '../support/stalling-clock.js';

/** Late by at most two ticks: one for the slot, one for the timer's phase. */
const SLACK_MS = 20;

class Entry extends WheelEntry {
  firedAt: number | undefined;
  readonly #onFire: (entry: Entry) => void;

  constructor(onFire: (entry: Entry) => void = () => {}) {
    super();
    this.#onFire = onFire;
  }

  onDeadline(): void {
    this.#onFire(this);
  }
}

function rig(): { clock: StallingClock; wheel: DeadlineWheel; entry: (dueIn: number) => Entry } {
  const clock = new StallingClock();
  const wheel = new DeadlineWheel(clock);
  const entry = (dueIn: number): Entry => {
    const added = new Entry((self) => (self.firedAt = clock.monotonic()));
    wheel.add(added, clock.monotonic() + dueIn);
    return added;
  };
  return { clock, wheel, entry };
}

describe('deadline wheel', () => {
  test('fires at the deadline, never before it', () => {
    const { clock, entry } = rig();
    const due = entry(1_000);
    clock.advance(999);
    expect(due.firedAt).toBeUndefined();
    clock.advance(1 + SLACK_MS);
    expect(due.firedAt).toBeGreaterThanOrEqual(1_000);
    expect(due.firedAt).toBeLessThanOrEqual(1_000 + SLACK_MS);
  });

  test('is at most 20 ms late whatever the phase of its timer', () => {
    const { clock, entry } = rig();
    clock.advance(9.9);
    const start = clock.monotonic();
    const due = entry(0.2);
    clock.advance(100);
    expect((due.firedAt as number) - start - 0.2).toBeLessThanOrEqual(SLACK_MS);
  });

  test('keeps what is due later than one turn (41 s) for as many turns as it takes', () => {
    const { clock, wheel, entry } = rig();
    const soon = entry(100);
    const late = entry(40_960 * 3 + 100);
    clock.advance(40_960 * 3);
    expect(soon.firedAt).toBeDefined();
    expect(late.firedAt).toBeUndefined();
    expect(wheel.size).toBe(1);
    clock.advance(100 + SLACK_MS);
    expect(late.firedAt).toBeDefined();
  });

  test('its timer runs only while something waits', () => {
    const { clock, wheel, entry } = rig();
    expect(clock.pendingTimers).toBe(0);
    const one = entry(5_000);
    expect(clock.pendingTimers).toBe(1);
    wheel.remove(one);
    clock.advance(50);
    expect(clock.pendingTimers).toBe(0);
    const two = entry(30);
    clock.advance(30 + SLACK_MS);
    expect(two.firedAt).toBeDefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a removed entry never fires, removing it twice changes nothing', () => {
    const { clock, wheel, entry } = rig();
    const [a, b, c] = [entry(100), entry(100), entry(100)];
    wheel.remove(b);
    wheel.remove(b);
    expect(wheel.size).toBe(2);
    clock.advance(200);
    expect([a.firedAt, b.firedAt, c.firedAt].map((firedAt) => firedAt !== undefined)).toEqual([true, false, true]);
    wheel.remove(a);
    expect(wheel.size).toBe(0);
  });

  test('an entry may take another out of the slot that is being emptied', () => {
    const clock = new StallingClock();
    const wheel = new DeadlineWheel(clock);
    const fired: string[] = [];
    // Whichever comes first removes the other.
    const a: Entry = new Entry(() => { fired.push('a'); wheel.remove(b); });
    const b: Entry = new Entry(() => { fired.push('b'); wheel.remove(a); });
    wheel.add(a, 50);
    wheel.add(b, 50);
    clock.advance(100);
    expect(fired).toHaveLength(1);
    expect(wheel.size).toBe(0);
  });

  test('regression: what is added as due at once while another fires does not wait for a whole turn', () => {
    const clock = new StallingClock();
    const wheel = new DeadlineWheel(clock);
    let firedAt: number | undefined;
    const late = new Entry(() => (firedAt = clock.monotonic()));
    // The stall makes the wheel look at many slots in one go; the new entry belongs into one of them.
    wheel.add(new Entry(() => wheel.add(late, 5)), 500);
    clock.stall(1_000);
    clock.advance(10);
    clock.advance(50);
    expect(firedAt).toBeDefined();
  });

  test('after a stall longer than a turn everything due fires, nothing else', () => {
    const { clock, wheel, entry } = rig();
    const due = [10, 500, 40_000, 41_000, 80_000].map(entry);
    const notDue = [200_000, 130_000].map(entry);
    clock.stall(100_000);
    clock.advance(30);
    expect(due.every(({ firedAt }) => firedAt !== undefined)).toBe(true);
    expect(notDue.every(({ firedAt }) => firedAt === undefined)).toBe(true);
    expect(wheel.size).toBe(2);
  });

  test('stop() ends its timer where nothing waits; what still waits gets its deadline, and no timer is left', () => {
    const { clock, wheel, entry } = rig();
    const last = entry(100);
    wheel.remove(last);
    wheel.stop();
    expect(clock.pendingTimers).toBe(0);
    const waiting = entry(100);
    wheel.stop();
    clock.advance(200);
    expect([waiting.firedAt !== undefined, clock.pendingTimers]).toEqual([true, 0]);
  });

  test('behaves as a list of deadlines would, whatever is added, removed and waited for', () => {
    type Step = { readonly add: number } | { readonly remove: number } | { readonly advance: number } | { readonly stall: number };
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 6, arbitrary: fc.record({ add: fc.oneof(fc.nat(200), fc.nat(60_000), fc.double({ min: 0, max: 50, noNaN: true })) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.nat(30) }) },
      { weight: 3, arbitrary: fc.record({ advance: fc.oneof(fc.nat(30), fc.nat(2_000)) }) },
      { weight: 1, arbitrary: fc.record({ stall: fc.nat(90_000) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, wheel, entry } = rig();
        const model: { entry: Entry; dueAt: number; addedAt: number; removed: boolean }[] = [];
        let lastStall = 0;
        for (const action of steps) {
          if ('add' in action) model.push({ entry: entry(action.add), dueAt: clock.monotonic() + action.add, addedAt: clock.monotonic(), removed: false });
          else if ('remove' in action) {
            const one = model[action.remove];
            if (one === undefined) continue;
            wheel.remove(one.entry);
            one.removed = one.entry.firedAt === undefined;
          } else if ('stall' in action) {
            clock.stall(action.stall);
            clock.advance(0);
            lastStall = clock.monotonic();
          } else clock.advance(action.advance);
          for (const { entry: { firedAt }, dueAt, removed } of model) {
            if (removed) expect(firedAt).toBeUndefined();
            else if (firedAt !== undefined) expect(firedAt).toBeGreaterThanOrEqual(dueAt);
            else expect(clock.monotonic()).toBeLessThanOrEqual(Math.max(dueAt, lastStall) + SLACK_MS);
          }
          expect(wheel.size).toBe(model.filter(({ entry: { firedAt }, removed }) => firedAt === undefined && !removed).length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
