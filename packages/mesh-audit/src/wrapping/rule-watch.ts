import type { Clock, ClockTimer, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { lightEvent, mergeDrafts, OTHER, type AlertDraft, type AlertRule } from './alert.js';
import { keyOf, ruleMatcher, type OnTrouble, type RuleMatcher } from './rule-matcher.js';

/** How often keys that nothing happened to for long are looked for, where there is no room for one more. */
const SWEEP_MS = 1_000;

/** What a watch needs of its owner. */
export interface RuleWatchOwner {
  readonly dedupMs: number;
  readonly maxKeys: number;
  readonly clock: () => Clock;
  readonly onTrouble: OnTrouble;
  /** Told what was held back, when it has been for long enough. */
  readonly onHeld: (draft: AlertDraft) => void;
}

/** One key of a rule. */
interface KeyState {
  readonly key: string;
  /** Times of its events that count towards the threshold, oldest first; monotonic ms. */
  times: number[];
  /** Runs while one alert is enough. */
  quiet: ClockTimer | undefined;
  held: AlertDraft | undefined;
}

/** Watches for one rule: which events are its own, when their number is enough, and whether an alert about the same is out already. */
export class RuleWatch {
  /** Whether an event is one of the rule's. */
  readonly matches: RuleMatcher;
  readonly #rule: AlertRule;
  readonly #owner: RuleWatchOwner;
  readonly #states = new Map<string, KeyState>();
  #sweepAt = -Infinity;

  constructor(rule: AlertRule, owner: RuleWatchOwner) {
    this.#rule = rule;
    this.#owner = owner;
    this.matches = ruleMatcher(rule, owner.onTrouble);
  }

  /** How often the rule was met without an alert so far. */
  get heldBack(): number {
    let count = 0;
    for (const { held } of this.#states.values()) count += held?.count ?? 0;
    return count;
  }

  /** Takes one of its events. @returns whether that met the rule, and what to tell of it at once, if anything */
  take(event: MeshAuditEvent): { readonly met: boolean; readonly draft?: AlertDraft } {
    const { dedupMs, clock, onTrouble } = this.#owner;
    const state = this.#stateOf(keyOf(this.#rule, event, onTrouble));
    if (!this.#isEnough(state)) return { met: false };
    const at = clock().now();
    const { name, severity = 'warning' } = this.#rule;
    const draft: AlertDraft = { rule: name, key: state.key, severity, count: 1, heldBack: 0, rules: new Map([[name, 1]]), firstAt: at, lastAt: at, event };
    if (state.quiet !== undefined) {
      const held = { ...draft, heldBack: 1, event: lightEvent(event) };
      state.held = state.held === undefined ? held : mergeDrafts(state.held, held);
      return { met: true };
    }
    if (dedupMs > 0) this.#beQuiet(state);
    else this.#forget(state);
    return { met: true, draft };
  }

  /** Ends all that runs. @returns what was held back */
  close(): AlertDraft[] {
    const held: AlertDraft[] = [];
    for (const state of this.#states.values()) {
      state.quiet?.cancel();
      if (state.held !== undefined) held.push(state.held);
    }
    this.#states.clear();
    return held;
  }

  #isEnough(state: KeyState): boolean {
    const { threshold } = this.#rule;
    if (threshold === undefined || threshold.count === 1) return true;
    const now = this.#owner.clock().monotonic();
    state.times.push(now);
    if (state.times.length < threshold.count) return false;
    if (now - state.times.shift()! > threshold.windowMs) return false;
    // The next time takes as many again.
    state.times = [];
    return true;
  }

  #beQuiet(state: KeyState): void {
    state.quiet = this.#owner.clock().setTimeout(() => {
      state.quiet = undefined;
      const { held } = state;
      if (held === undefined) {
        this.#forget(state);
        return;
      }
      state.held = undefined;
      this.#beQuiet(state);
      this.#owner.onHeld(held);
    }, this.#owner.dedupMs);
  }

  #stateOf(wanted: string): KeyState {
    const known = this.#states.get(wanted);
    if (known !== undefined) return known;
    const key = this.#hasRoom() ? wanted : OTHER;
    const state = this.#states.get(key) ?? { key, times: [], quiet: undefined, held: undefined };
    this.#states.set(key, state);
    return state;
  }

  #hasRoom(): boolean {
    const { maxKeys, clock } = this.#owner;
    if (this.#states.size < maxKeys) return true;
    const now = clock().monotonic();
    if (now < this.#sweepAt) return false;
    this.#sweepAt = now + SWEEP_MS;
    const windowMs = this.#rule.threshold?.windowMs ?? 0;
    for (const [key, state] of this.#states) {
      if (state.quiet === undefined && now - (state.times.at(-1) ?? -Infinity) > windowMs) this.#states.delete(key);
    }
    return this.#states.size < maxKeys;
  }

  #forget(state: KeyState): void {
    if (state.times.length === 0) this.#states.delete(state.key);
  }
}
