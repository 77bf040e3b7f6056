import { MeshError, type Clock, type ClockTimer } from '@lemur-bookstores/mesh-interface';
import { CallBudget } from './call-budget.js';
import { SinkPause } from './sink-pause.js';
import { TELLER_CALLS, type Teller, type TellerCall } from './teller.js';

/** A wrong key or address is no fault of an incident: it stays owed, and the next one would fare no better. */
const REFUSES_US: readonly string[] = ['sink_unauthenticated', 'sink_not_found'];

/** Options of an {@link Outbox}. */
export interface OutboxOptions<Told extends Teller> {
  readonly clock: () => Clock;
  /** Makes the call. What it throws is retryable unless it is a MeshError that says otherwise. */
  readonly send: (teller: Told, call: TellerCall, signal: AbortSignal) => Promise<void>;
  /** Said for each failure, and at the first success after it. */
  readonly onOutcome?: (error: MeshError | undefined, teller: Told) => void;
  readonly random?: () => number;
}

interface Waiter<Told> {
  readonly tellers: Set<Told>;
  refusal: MeshError | undefined;
  readonly settle: (error?: Error) => void;
}

const CALLS_AT_ONCE = 4;

/**
 * Makes the calls that tellers owe: within the budget, one at a time for each of them, most urgent first. A failure of the sink makes all wait, with growing delays on the clock,
 * for as long as it takes.
 */
export class Outbox<Told extends Teller> {
  readonly #options: OutboxOptions<Told>;
  readonly #budget = new CallBudget();
  readonly #pause: SinkPause;
  readonly #due = new Set<Told>();
  readonly #timed = new Set<Told>();
  readonly #underWay = new Map<Told, AbortController>();
  /** Those whose call failed since one was answered: it may be due to what they say, and then no other is to wait for them. */
  readonly #failed = new Set<Told>();
  readonly #waiters = new Set<Waiter<Told>>();
  #timer: ClockTimer | undefined;
  #timerAt = Infinity;
  #isClosed = false;
  /** A call has begun or ended since waiters were looked at. */
  #isChanged = false;

  constructor(options: OutboxOptions<Told>) {
    this.#options = options;
    this.#pause = new SinkPause(options.random ?? Math.random);
  }

  /** Whether the last call failed. */
  get isFailing(): boolean {
    return this.#pause.isFailing;
  }

  /** Those that have something to say that is not said. */
  get untold(): readonly Told[] {
    return [...new Set([...this.#underWay.keys(), ...this.#due])];
  }

  /** Something about it may have changed. Makes no call yet: `pump()` does. */
  touch(teller: Told, now = this.#now()): void {
    teller.tick(now);
    if (teller.owes(now) === undefined) this.#due.delete(teller);
    else this.#due.add(teller);
    if (teller.dueAt(now) === Infinity) this.#timed.delete(teller);
    else this.#timed.add(teller);
  }

  forget(teller: Told): void {
    for (const set of [this.#due, this.#timed, this.#failed]) set.delete(teller);
  }

  /** Makes the calls that may be made, and sets the timer for the others. */
  pump(): void {
    if (this.#isClosed) return;
    const now = this.#now();
    // All of it at one moment: what ends by time at a later one would be owed at neither.
    for (const teller of [...this.#timed]) this.touch(teller, now);
    const isHeld = this.#pause.heldBy(now) !== undefined;
    while (!isHeld && this.#hasRoom && this.#budget.isFree(now)) {
      const next = this.#mostUrgent(now);
      if (next === undefined) break;
      this.#call(next.teller, next.call, now);
      this.#isChanged = true;
    }
    this.#arm(now);
    // Else all of them wait for what they waited for.
    if (this.#isChanged) for (const waiter of [...this.#waiters]) this.#look(waiter);
    this.#isChanged = false;
  }

  /**
   * Resolves when the calls that these owe are made, or wait for PagerDuty's limit alone: ours, or a short 429. A sink that fails is tried at once for it, unless it has said when, and three times in a row.
   * @throws MeshError why one is not made; the signal's reason
   */
  async settled(tellers: Iterable<Told>, signal?: AbortSignal): Promise<void> {
    const waiting = new Set(tellers);
    if (waiting.size === 0) return;
    const now = this.#now();
    if ([...waiting].some((teller) => teller.owes(now) !== undefined)) this.#pause.endDelay();
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', abort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiter: Waiter<Told> = { tellers: waiting, refusal: undefined, settle };
      const abort = (): void => {
        settle(signal?.reason as Error);
        // Who waited had a deadline, which is the call's as well.
        for (const teller of waiting) {
          const call = [...this.#waiters].some((other) => other.tellers.has(teller)) ? undefined : this.#underWay.get(teller);
          if (call === undefined) continue;
          this.#pause.suspect(new MeshError('adapter_timeout', 'PagerDuty did not answer in time', { retryable: true }));
          call.abort(signal?.reason);
        }
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      this.pump();
      if (this.#waiters.has(waiter)) this.#look(waiter);
    });
  }

  /** Tries to make all calls that are owed. @throws MeshError as `settled()` */
  async flush(): Promise<void> {
    await this.settled(this.untold);
  }

  /** How long it takes until another call may be made at all, in ms, whatever is tried. */
  resumesInMs(): number {
    const now = this.#now();
    return Math.max(0, this.#pause.askedUntil - now, this.#budget.freeAt(now) - now);
  }

  /** Ends everything; calls under way are given up. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timerAt = Infinity;
    const error = new MeshError('adapter_failed', 'the PagerDuty adapter was closed before the call was made', { retryable: false });
    for (const waiter of [...this.#waiters]) waiter.settle(error);
    for (const controller of this.#underWay.values()) controller.abort(error);
  }

  get #hasRoom(): boolean {
    return this.#underWay.size < (this.isFailing ? 1 : CALLS_AT_ONCE);
  }

  #now(): number {
    return this.#options.clock().monotonic();
  }

  /** The first of those that are equally urgent. */
  #mostUrgent(now: number): { readonly teller: Told; readonly call: TellerCall } | undefined {
    let best: { readonly teller: Told; readonly call: TellerCall } | undefined;
    let bestOrder = Infinity;
    for (const teller of this.#due) {
      const call = teller.owes(now);
      if (call === undefined) continue;
      const order = TELLER_CALLS.indexOf(call) * 10 - (call === 'trigger' ? teller.rank : 0) + (this.#failed.has(teller) ? 100 : 0);
      if (order >= bestOrder) continue;
      best = { teller, call };
      bestOrder = order;
    }
    return best;
  }

  #call(teller: Told, call: TellerCall, now: number): void {
    const controller = new AbortController();
    this.#underWay.set(teller, controller);
    this.#budget.begin();
    teller.begun(call, now);
    this.touch(teller, now);
    this.#send(teller, call, controller.signal).then(
      () => this.#ended(teller, undefined),
      // Who gave up the call knows nothing of what PagerDuty thinks of it.
      (error: unknown) => this.#ended(teller, MeshError.is(error) && !controller.signal.aborted ? error : new MeshError('adapter_failed', MeshError.from(error).text, { cause: error, retryable: true })),
    );
  }

  /** What throws at once is a rejection, too. */
  async #send(teller: Told, call: TellerCall, signal: AbortSignal): Promise<void> {
    await this.#options.send(teller, call, signal);
  }

  #ended(teller: Told, error: MeshError | undefined): void {
    const now = this.#now();
    this.#underWay.delete(teller);
    this.#isChanged = true;
    this.#budget.end(now);
    if (error !== undefined && (error.retryable || REFUSES_US.includes(error.reason))) {
      teller.failed();
      this.#failed.add(teller);
      this.#pause.failed(error, now);
    } else {
      this.#failed.clear();
      this.#pause.answered();
      if (error === undefined) teller.told(now);
      else teller.refused(error, now);
    }
    this.touch(teller);
    this.#options.onOutcome?.(error, teller);
    this.pump();
  }

  #look(waiter: Waiter<Told>): void {
    const now = this.#now();
    const down = this.#pause.downBy(now);
    const isForLimit = now < this.#pause.askedUntil || (!this.#budget.isFree(now) && this.#pause.heldBy(now) === undefined);
    for (const teller of waiter.tellers) {
      if (this.#underWay.has(teller)) continue;
      if (teller.owes(now) !== undefined) {
        if (down !== undefined) {
          waiter.settle(down);
          return;
        }
        // The clock will bring its turn.
        if (!isForLimit) continue;
      }
      waiter.refusal ??= teller.refusal;
      waiter.tellers.delete(teller);
    }
    if (waiter.tellers.size === 0) waiter.settle(waiter.refusal);
  }

  #arm(now: number): void {
    let at = Infinity;
    if (this.#due.size > 0 && this.#hasRoom) {
      const freeAt = Math.max(this.#pause.until, this.#budget.freeAt(now));
      if (freeAt > now) at = freeAt;
    }
    for (const teller of this.#timed) at = Math.min(at, teller.dueAt(now));
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = at;
    if (at !== Infinity) this.#timer = this.#options.clock().setTimeout(() => this.#onTime(), at - now);
  }

  #onTime(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.pump();
  }
}
