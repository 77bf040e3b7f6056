import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type MeshErrorCode } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { BudgetedRetryPolicy } from '../../src/retry/budgeted-retry-policy.js';
import { completeRetry, type RetryOptions } from '../../src/retry/retry-options.js';

const policyOf = (options: RetryOptions = {}): BudgetedRetryPolicy => new BudgetedRetryPolicy(completeRetry({ clock: new FakeClock(), random: () => 0.5, ...options }));
const notSent = (more: { retryAfterMs?: number; retryable?: boolean } = {}): MeshError => new MeshError('connection_lost', 'gone', { mayHaveRun: false, ...more });
const first = { attempt: 1, idempotent: false, remainingMs: 30_000 };

describe('the next attempt', () => {
  test('comes after a wait drawn from nothing to the whole, which doubles up to a cap', () => {
    const waits = (random: () => number): unknown[] => {
      const policy = policyOf({ maxAttempts: 6, initialDelay: 1_000, maxDelayMs: 3_000, random });
      return [1, 2, 3, 4, 5, 6].map((attempt) => policy.next('payments', notSent(), { ...first, attempt }));
    };
    const delays = (...each: number[]): unknown[] => each.map((delayMs) => ({ retry: true, delayMs }));
    expect(waits(() => 0.5)).toEqual([...delays(500, 1_000, 1_500, 1_500, 1_500), { retry: false, because: 'attempts' }]);
    expect(waits(() => 0)).toEqual([...delays(0, 0, 0, 0, 0), { retry: false, because: 'attempts' }]);
  });

  test.each([
    ['CANCELLED', false], ['UNKNOWN', false], ['INVALID_ARGUMENT', false], ['DEADLINE_EXCEEDED', false], ['NOT_FOUND', false], ['PERMISSION_DENIED', false],
    ['INTERNAL', false], ['UNAVAILABLE', true], ['RESOURCE_EXHAUSTED', true], ['ABORTED', true],
  ] as const)('of what is %s: %s, by the error itself', (code: MeshErrorCode, retried) => {
    expect(policyOf().next('payments', new MeshError('some_reason', 'text', { code, mayHaveRun: false }), first).retry).toBe(retried);
    expect(policyOf().next('payments', new MeshError('some_reason', 'text', { code, mayHaveRun: false, retryable: !retried }), first).retry).toBe(!retried);
  });

  test.each([[false, false, true], [true, false, false], [undefined, false, false], [false, true, true], [true, true, true], [undefined, true, true]])(
    'mayHaveRun %s, idempotent %s: %s',
    (mayHaveRun, idempotent, retried) => {
      const error = new MeshError('connection_lost', 'gone', mayHaveRun === undefined ? {} : { mayHaveRun });
      const decision = policyOf().next('payments', error, { ...first, idempotent });
      expect(decision).toEqual(retried ? { retry: true, delayMs: 500 } : { retry: false, because: 'may_have_run' });
    },
  );

  test('comes exactly when the other side wants it, without jitter and above any cap', () => {
    const policy = policyOf({ maxDelayMs: 2_000 });
    for (const retryAfterMs of [0, 1, 7_777.5, 29_999]) expect(policy.next('payments', notSent({ retryAfterMs }), first)).toEqual({ retry: true, delayMs: retryAfterMs });
  });

  test.each([[-1, 'pushback'], [-Infinity, 'pushback'], [30_000, 'deadline'], [Infinity, 'deadline']] as const)('retryAfterMs %d: none, because of %s', (retryAfterMs, because) => {
    expect(policyOf().next('payments', notSent({ retryAfterMs }), first)).toEqual({ retry: false, because });
  });

  test('what is no number says nothing', () => {
    expect(policyOf().next('payments', notSent({ retryAfterMs: NaN }), first)).toEqual({ retry: true, delayMs: 500 });
  });

  test('never at the deadline or after it', () => {
    for (const remainingMs of [500, 499, 0, -5, NaN]) expect(policyOf().next('payments', notSent(), { ...first, remainingMs })).toEqual({ retry: false, because: 'deadline' });
    expect(policyOf().next('payments', notSent(), { ...first, remainingMs: 501 })).toEqual({ retry: true, delayMs: 500 });
  });
});

describe('the budget', () => {
  test('is there for a lone caller, and for each target', () => {
    const policy = policyOf();
    const retried = (target: string): number => Array.from({ length: 30 }, () => policy.next(target, notSent(), first)).filter(({ retry }) => retry).length;
    expect([retried('payments'), retried('payments'), retried('users')]).toEqual([10, 0, 10]);
    expect(policy.counts).toMatchObject({ retried: 20, budget: 70 });
  });

  test('comes back with calls and with time', async () => {
    const clock = new FakeClock();
    const policy = policyOf({ clock, budget: { ratio: 0.25, burst: 1, minPerSecond: 0.5 } });
    const retries = (): boolean => policy.next('payments', notSent(), first).retry;
    expect([retries(), retries()]).toEqual([true, false]);
    for (let i = 0; i < 3; i++) policy.began('payments');
    expect(retries()).toBe(false);
    policy.began('payments');
    expect([retries(), retries()]).toEqual([true, false]);
    await clock.advance(1_999);
    expect(retries()).toBe(false);
    await clock.advance(1);
    expect([retries(), retries()]).toEqual([true, false]);
  });

  test('has more for calls that were lost with their connection: what the last ten seconds have earned and not used', async () => {
    const clock = new FakeClock();
    const policy = policyOf({ clock, budget: { ratio: 0.25, minPerSecond: 0 } });
    // An answer that tells of a connection lost elsewhere is no lost connection.
    const error = new MeshError('connection_lost', 'gone', { mayHaveRun: true });
    const retried = (lost: boolean | undefined): number => Array.from({ length: 500 }, () => policy.next('payments', error, { ...first, idempotent: true, ...(lost === undefined ? {} : { lost }) })).filter(({ retry }) => retry).length;
    const [lost, refused, unsaid] = [true, false, undefined];
    const call = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds * 10; i++) {
        for (let j = 0; j < 10; j++) policy.began('payments');
        await clock.advance(100);
      }
    };
    await call(5);
    expect([retried(unsaid), retried(refused)]).toEqual([10, 0]);
    expect([retried(lost), retried(lost)]).toEqual([125, 0]);
    // Ten come back first, and can be used by all.
    await call(2);
    expect([retried(lost), retried(refused)]).toEqual([50, 0]);
    await call(60);
    const kept = retried(lost);
    expect(kept).toBeGreaterThan(10 + 25 * 9 - 1);
    expect(kept).toBeLessThanOrEqual(10 + 25 * 10);
    await call(3);
    await clock.advance(10_000);
    expect(retried(lost)).toBe(10);
  });

  test('keeps of a call for lost ones only what is over the ones saved up', () => {
    const policy = policyOf({ budget: { burst: 1, ratio: 0.6, minPerSecond: 0 } });
    const retries = (lost: boolean): boolean => policy.next('payments', notSent(), { ...first, lost }).retry;
    // Each time 0.2 are left over.
    for (let i = 0; i < 4; i++) {
      expect(retries(false)).toBe(true);
      policy.began('payments');
      policy.began('payments');
    }
    expect([retries(true), retries(true)]).toEqual([true, false]);
  });

  test('is not touched by a retry that is not made', () => {
    const policy = policyOf({ budget: { burst: 1, ratio: 0, minPerSecond: 0 } });
    policy.next('payments', notSent({ retryAfterMs: 40_000 }), first);
    policy.next('payments', new MeshError('connection_lost', 'gone'), first);
    expect(policy.next('payments', notSent(), first).retry).toBe(true);
  });

  test('can be left out', () => {
    const policy = policyOf({ budget: false });
    policy.began('payments');
    for (let i = 0; i < 1_000; i++) expect(policy.next('payments', notSent(), first).retry).toBe(true);
  });

  test('holds in any stretch of time, whatever is called and fails: burst + ratio × calls + minPerSecond × seconds; with lost calls, the calls of the window before it count, too', () => {
    const options = fc.record({ ratio: fc.double({ min: 0, max: 1, noNaN: true }), burst: fc.integer({ min: 1, max: 20 }), minPerSecond: fc.double({ min: 0, max: 5, noNaN: true }), windowMs: fc.integer({ min: 0, max: 20_000 }) });
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant('call' as const) },
      { weight: 6, arbitrary: fc.constant('failure' as const) },
      { weight: 4, arbitrary: fc.constant('loss' as const) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 5_000 }) },
    );
    let refused = 0;
    fc.assert(
      fc.property(options, fc.array(step, { maxLength: 300, size: 'max' }), (budget, steps) => {
        let now = 0;
        const clock = { now: () => 0, monotonic: () => now, setTimeout: () => ({ cancel() {} }) };
        const policy = policyOf({ clock, budget, maxAttempts: 10 });
        // After each step: time, calls so far, retries so far.
        const log = [{ at: 0, calls: 0, retries: 0, losses: 0 }];
        for (const what of steps) {
          const { calls, retries, losses } = log.at(-1)!;
          if (what === 'call') {
            policy.began('payments');
            log.push({ at: now, calls: calls + 1, retries, losses });
          } else if (typeof what === 'string') {
            const { retry } = policy.next('payments', notSent(), { ...first, lost: what === 'loss' });
            if (!retry) refused++;
            log.push({ at: now, calls, retries: retries + (retry && what === 'failure' ? 1 : 0), losses: losses + (retry && what === 'loss' ? 1 : 0) });
          } else now += what;
        }
        for (let from = 0; from < log.length; from++) {
          for (let to = from; to < log.length; to++) {
            const [a, b] = [log[from]!, log[to]!];
            const allowed = budget.burst + budget.ratio * (b.calls - a.calls) + (budget.minPerSecond * (b.at - a.at)) / 1_000;
            if (b.retries - a.retries > allowed + 1e-6) throw new Error(`${b.retries - a.retries} retries, ${allowed} allowed`);
            const before = log.findLast(({ at }) => at < a.at - budget.windowMs)?.calls ?? 0;
            const [all, most] = [b.retries + b.losses - a.retries - a.losses, allowed + budget.ratio * (a.calls - before)];
            if (all > most + 1e-6) throw new Error(`${all} retries with those of lost calls, ${most} allowed`);
          }
        }
      }),
      { numRuns: 100 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test('an outage is met by 20 % more load, and not by three times as much', async () => {
    const clock = new FakeClock();
    const policy = policyOf({ clock });
    let attempts = 0;
    const CALLS = 10_000;
    for (let call = 0; call < CALLS; call++) {
      policy.began('payments');
      for (let attempt = 1; ; attempt++) {
        attempts++;
        if (!policy.next('payments', notSent(), { ...first, attempt }).retry) break;
      }
      // 1,000 calls a second.
      if (call % 1_000 === 999) await clock.advance(1_000);
    }
    expect(attempts).toBeGreaterThanOrEqual(CALLS * 1.2);
    expect(attempts).toBeLessThanOrEqual(CALLS * 1.2 + 10 + 0.5 * 10);
  });
});
