import type { FailedAttempt, MeshError, NoRetry, RetryDecision, RetryPolicy } from '@lemur-bookstores/mesh-interface';
import { BoundedMap } from '../map/bounded-map.js';
import { RetryBudget } from './retry-budget.js';
import type { RetrySettings } from './retry-options.js';

/** What came of the failed attempts so far. */
export type RetryCounts = Readonly<Record<'retried' | NoRetry, number>>;

/** Exponential waits with full jitter, what the other side asks for before them, and a budget for each target. */
export class BudgetedRetryPolicy implements RetryPolicy {
  readonly #settings: RetrySettings;
  readonly #budgets: BoundedMap<RetryBudget> | undefined;
  readonly #counts: Record<'retried' | NoRetry, number> = { retried: 0, attempts: 0, not_retryable: 0, may_have_run: 0, pushback: 0, deadline: 0, budget: 0 };

  constructor(settings: RetrySettings) {
    this.#settings = settings;
    const { budget, maxTargets, clock } = settings;
    if (budget !== false) this.#budgets = new BoundedMap(maxTargets, () => new RetryBudget(budget, clock), ({ isFull }) => isFull);
  }

  /** How often it decided what. */
  get counts(): RetryCounts {
    return { ...this.#counts };
  }

  began(target: string, now?: number): void {
    this.#budgets?.get(target).earn(now);
  }

  next(target: string, error: MeshError, { attempt, idempotent, remainingMs, lost = false }: FailedAttempt): RetryDecision {
    if (attempt >= this.#settings.maxAttempts) return this.#no('attempts');
    if (!error.retryable) return this.#no('not_retryable');
    // PROTOCOL 1.5: without a proof that it has not run, it may have.
    if (error.mayHaveRun !== false && !idempotent) return this.#no('may_have_run');
    const asked = error.retryAfterMs;
    if (asked !== undefined && asked < 0) return this.#no('pushback');
    const delayMs = asked === undefined || Number.isNaN(asked) ? this.#backoff(attempt) : asked;
    if (!(delayMs < remainingMs)) return this.#no('deadline');
    // Last: a retry that is not made must not cost one.
    if (this.#budgets?.get(target).spend(lost) === false) return this.#no('budget');
    this.#counts.retried++;
    return { retry: true, delayMs };
  }

  /** Full jitter: anything between none and the whole wait, so that those who failed together do not come back together. */
  #backoff(attempt: number): number {
    const { initialDelay, maxDelayMs, random } = this.#settings;
    return Math.min(maxDelayMs, initialDelay * 2 ** (attempt - 1)) * random();
  }

  #no(because: NoRetry): RetryDecision {
    this.#counts[because]++;
    return { retry: false, because };
  }
}
