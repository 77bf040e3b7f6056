import type { CoverageGap } from './compliance-report.js';
import type { Window } from './key-rows.js';

/** Timers of a busy process are late, and so is a disk. */
const SLACK_MS = 60_000;
/** Of a run whose beginning retention has deleted. */
const UNKNOWN_HEARTBEAT_MS = 300_000;

/** What a ledger cannot speak for, within the period. */
export type Gap = Pick<CoverageGap, 'kind' | 'text'> & Window;

/** `none`: nothing was read yet. `running`: the last entry was at `last`. `stopped`: in order. */
type CoverageState =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly heartbeatMs: number; readonly last: number }
  | { readonly kind: 'stopped'; readonly at: number };

/** When one ledger recorded, found out from its entries, which come at least once a heartbeat while it does. */
export class Coverage {
  readonly #window: Window;
  readonly #onGap: (gap: Gap) => void;
  /** From before it is known whether the ledger has to do with the period: no more than end in it or after it. */
  readonly #waiting: Gap[] = [];
  #state: CoverageState = { kind: 'none' };
  #covers = false;
  #meshStopped = false;

  /** @param onGap not called for a ledger that speaks for no moment of the period */
  constructor(window: Window, onGap: (gap: Gap) => void) {
    this.#window = window;
    this.#onGap = onGap;
  }

  /** Whether it speaks for any moment of the period. */
  get covers(): boolean {
    return this.#covers;
  }

  /** The time of the last entry. */
  get last(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.last : undefined;
  }

  /** A run begins. @returns the last that was seen of the one before, where that did not end in order */
  started(at: number, heartbeatMs = UNKNOWN_HEARTBEAT_MS): number | undefined {
    const before = this.#state;
    if (before.kind === 'none') this.#add('before the ledger', Number.NEGATIVE_INFINITY, at, 'the ledger had not begun');
    if (before.kind === 'stopped') this.#add('stopped', before.at, at, this.#stoppedText('and began again'));
    if (before.kind === 'running') this.#add('ended without closing', before.last, at, 'its process died, or was killed: what happened after the last entry until it began again is not known');
    this.#meshStopped = false;
    this.#state = { kind: 'running', heartbeatMs, last: at };
    this.#seen(at, at);
    return before.kind === 'running' ? before.last : undefined;
  }

  /** Any entry of a run. */
  entry(at: number): void {
    const state = this.#state;
    if (state.kind === 'none') {
      this.#add('before the ledger', Number.NEGATIVE_INFINITY, at, 'retention deleted what the ledger had of it');
      this.#state = { kind: 'running', heartbeatMs: UNKNOWN_HEARTBEAT_MS, last: at };
      this.#seen(at, at);
    }
    if (state.kind !== 'running' || at <= state.last) return;
    const silence = at - state.last;
    if (silence > longestSilence(state)) this.#add('silence', state.last, at, 'no entry came, though one was due: the process was suspended, the clock was set, or the disk took nothing');
    else this.#seen(state.last, at);
    this.#seen(at, at);
    this.#state = { ...state, last: at };
  }

  /** The mesh says that it starts, or stops. */
  mesh(what: 'started' | 'stopped'): void {
    this.#meshStopped = what === 'stopped';
  }

  /** A run ends in order. */
  stopped(at: number): void {
    this.entry(at);
    this.#state = { kind: 'stopped', at };
  }

  /**
   * Nothing more comes.
   * @param now ms since 1970
   * @returns the last that was seen of a run that is silent for too long
   */
  finish(now: number): number | undefined {
    const state = this.#state;
    const end = Math.min(this.#window.to, now);
    if (state.kind === 'stopped') this.#add('stopped', state.at, end, this.#stoppedText('and did not begin again in the period'));
    if (state.kind !== 'running' || state.last >= end) return undefined;
    if (end - state.last <= longestSilence(state)) {
      this.#seen(state.last, end);
      return undefined;
    }
    this.#add('ended without closing', state.last, end, 'no entry came any more, though one was due: its process died, was killed, or hangs');
    return state.last;
  }

  #stoppedText(more: string): string {
    return `the ledger was stopped in order ${more}${this.#meshStopped ? '; the mesh had stopped before it, and had no keys in use' : ''}`;
  }

  #seen(from: number, to: number): void {
    if (this.#covers || from >= this.#window.to || to < this.#window.from) return;
    this.#covers = true;
    for (const gap of this.#waiting.splice(0)) this.#onGap(gap);
  }

  #add(kind: Gap['kind'], from: number, to: number, text: string): void {
    const gap = { kind, from: Math.max(from, this.#window.from), to: Math.min(to, this.#window.to), text };
    if (gap.from >= gap.to) return;
    if (this.#covers) this.#onGap(gap);
    else this.#waiting.push(gap);
  }
}

const longestSilence = ({ heartbeatMs }: { readonly heartbeatMs: number }): number => 2 * heartbeatMs + SLACK_MS;
