import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type CircuitBreakerState } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import type { BreakerOutcome } from '../../src/breaker/breaker-outcome.js';
import { Breaker, type BreakerTransition } from '../../src/breaker/breaker.js';
import { completeCircuitBreaker, type CircuitBreakerOptions } from '../../src/breaker/circuit-breaker-options.js';

const down = new MeshError('connect_failed', 'nobody there', { mayHaveRun: false });

function breaker(options: CircuitBreakerOptions = {}): { breaker: Breaker; clock: FakeClock; transitions: BreakerTransition[] } {
  const clock = new FakeClock();
  const transitions: BreakerTransition[] = [];
  return { clock, transitions, breaker: new Breaker('payments', '10.0.0.1:1', completeCircuitBreaker({ clock, random: () => 0.5, ...options }), (transition) => transitions.push(transition)) };
}

/** @returns whether it was let through */
function call(on: Breaker, error?: MeshError): boolean {
  const ticket = on.admit();
  if (ticket === 0) return false;
  on.settle(ticket, error);
  return true;
}

describe('failures in a row', () => {
  test('open it; a success in between, and what says nothing, do not', () => {
    const { breaker: on } = breaker();
    for (let i = 0; i < 4; i++) call(on, down);
    call(on);
    for (let i = 0; i < 4; i++) call(on, down);
    for (let i = 0; i < 4; i++) call(on, new MeshError('cancelled', 'given up'));
    expect(on.state).toBe('closed');
    call(on, down);
    expect([on.state, on.isReady(), on.admit()]).toEqual(['open', false, 0]);
  });

  test('what is refused says for how long, and that nothing ran', async () => {
    const { breaker: on, clock } = breaker({ failureThreshold: 1, timeout: 1_000 });
    call(on, down);
    await clock.advance(400);
    expect(on.refusal()).toMatchObject({ code: 'UNAVAILABLE', reason: 'circuit_open', mayHaveRun: false, retryable: true, retryAfterMs: 600, text: 'calls to payments at 10.0.0.1:1 failed; none is made for another 600 ms' });
    expect(on.waitMs()).toBe(600);
  });

  test('of calls that were let through before it opened change nothing afterwards', async () => {
    const { breaker: on, clock } = breaker({ failureThreshold: 1, successThreshold: 1, timeout: 100 });
    const [slow, slower] = [on.admit(), on.admit()];
    call(on, down);
    on.settle(slow, undefined);
    expect(on.state).toBe('open');
    await clock.advance(100);
    const probe = on.admit();
    on.settle(slower, down);
    expect(on.state).toBe('half-open');
    on.settle(probe, undefined);
    expect(on.state).toBe('closed');
    on.settle(slower, down);
    expect(on.state).toBe('closed');
  });
});

describe('half-open', () => {
  const halfOpen = async (options: CircuitBreakerOptions = {}): Promise<ReturnType<typeof breaker>> => {
    const all = breaker({ failureThreshold: 1, timeout: 1_000, ...options });
    call(all.breaker, down);
    await all.clock.advance(1_000);
    return all;
  };

  test('lets exactly one probe through, however many come', async () => {
    const { breaker: on } = await halfOpen();
    expect(on.state).toBe('open');
    const tickets = Array.from({ length: 100 }, () => on.admit());
    expect(tickets.filter((ticket) => ticket !== 0)).toHaveLength(1);
    expect(on.state).toBe('half-open');
    expect(on.refusal()).toMatchObject({ reason: 'circuit_open', retryAfterMs: 1_000 });
    expect(on.waitMs()).toBe(1_000);
  });

  test('closes after as many probes in a row as it is told', async () => {
    const { breaker: on } = await halfOpen({ successThreshold: 3 });
    for (const state of ['half-open', 'half-open', 'closed']) {
      expect(call(on)).toBe(true);
      expect(on.state).toBe(state);
    }
  });

  test('a probe that says nothing frees its place at once', async () => {
    const { breaker: on } = await halfOpen();
    expect(call(on, new MeshError('cancelled', 'given up'))).toBe(true);
    expect([on.state, on.isReady()]).toEqual(['half-open', true]);
  });

  test('a probe that never ends frees its place after the timeout, for one other', async () => {
    const { breaker: on, clock } = await halfOpen();
    const lost = on.admit();
    await clock.advance(999);
    expect(on.admit()).toBe(0);
    await clock.advance(1);
    const next = on.admit();
    expect([next > 0, on.admit()]).toEqual([true, 0]);
    on.settle(lost, down);
    expect(on.state).toBe('half-open');
    on.settle(next, down);
    expect(on.state).toBe('open');
  });

  test('each failed probe opens it for longer, up to the cap; closing begins anew', async () => {
    const { breaker: on, clock, transitions } = await halfOpen({ maxTimeoutMs: 5_000, successThreshold: 1 });
    const openFor = (): number[] => transitions.filter(({ to }) => to === 'open').map(({ durationMs }) => durationMs);
    for (let i = 0; i < 4; i++) {
      call(on, down);
      await clock.advance(openFor().at(-1) as number);
    }
    // Drawn half way between half and all of 2, 4, 5 and 5 s.
    expect(openFor()).toEqual([1_000, 1_500, 3_000, 3_750, 3_750]);
    call(on);
    call(on, down);
    expect(openFor().at(-1)).toBe(1_000);
  });

  test.each([0, 0.999])('drawn at %d, the wait is never below the timeout nor above the cap', async (drawn) => {
    const { breaker: on, clock, transitions } = await halfOpen({ maxTimeoutMs: 1_500, random: () => drawn });
    for (let i = 0; i < 3; i++) {
      call(on, down);
      await clock.advance(1_500);
    }
    for (const { to, durationMs } of transitions) if (to === 'open') expect(durationMs).toBeGreaterThanOrEqual(1_000);
    for (const { to, durationMs } of transitions) if (to === 'open') expect(durationMs).toBeLessThanOrEqual(1_500);
  });

  test('an endpoint that is in reach again is probed at once; if that fails it waits as after any probe', async () => {
    const { breaker: on, clock, transitions } = breaker({ failureThreshold: 1, successThreshold: 1, timeout: 60_000 });
    on.reachable();
    expect(on.state).toBe('closed');
    call(on, down);
    await clock.advance(1_000);
    on.reachable();
    expect([on.state, on.isReady(), call(on, down), on.state, on.isReady()]).toEqual(['open', true, true, 'open', false]);
    expect(on.refusal().retryAfterMs).toBe(90_000);
    on.reachable();
    expect([call(on), on.state]).toEqual([true, 'closed']);
    expect(transitions.map(({ to, durationMs }) => [to, durationMs])).toEqual([['open', 60_000], ['half-open', 1_000], ['open', 90_000], ['half-open', 0], ['closed', 1_000]]);
    const probe = breaker({ failureThreshold: 1 });
    call(probe.breaker, down);
    probe.breaker.reachable();
    expect([probe.breaker.admit() > 0, probe.breaker.admit()]).toEqual([true, 0]);
    probe.breaker.reachable();
    expect(probe.breaker.admit()).toBe(0);
  });

  test('says what happened', async () => {
    const { breaker: on, clock, transitions } = await halfOpen({ successThreshold: 1 });
    await clock.advance(500);
    call(on);
    const where = { service: 'payments', endpoint: '10.0.0.1:1' };
    expect(transitions).toEqual([
      { ...where, from: 'closed', to: 'open', failures: 1, durationMs: 1_000, error: down },
      { ...where, from: 'open', to: 'half-open', failures: 0, durationMs: 1_500 },
      { ...where, from: 'half-open', to: 'closed', failures: 0, durationMs: 1_500 },
    ]);
  });
});

describe('success rate', () => {
  const strategy = { successRate: 0.8, minCalls: 5, windowMs: 10_000 };

  test('opens below the share, not at it, and not before there are enough calls', () => {
    const { breaker: on } = breaker({ strategy });
    for (let i = 0; i < 4; i++) call(on, down);
    expect(on.state).toBe('closed');
    // A success opens none, though there are five calls with it.
    call(on);
    expect(on.state).toBe('closed');
    for (let i = 0; i < 20; i++) call(on);
    // 21 of 26 are just above, 21 of 27 below.
    call(on, down);
    expect(on.state).toBe('closed');
    call(on, down);
    expect(on.state).toBe('open');
  });

  test('the window slides: no moment wipes it, and what is older than it does not count', async () => {
    const { breaker: on, clock } = breaker({ strategy });
    await clock.advance(9_500);
    for (let i = 0; i < 4; i++) call(on, down);
    // A window that is wiped every 10 s would know nothing of these by now.
    await clock.advance(1_000);
    call(on, down);
    expect(on.state).toBe('open');

    const { breaker: other, clock: later } = breaker({ strategy });
    for (let i = 0; i < 4; i++) call(other, down);
    await later.advance(10_000);
    call(other, down);
    expect(other.state).toBe('closed');
  });
});

/** The breaker as simply as it can be said: it remembers everything. */
class Model {
  state: CircuitBreakerState = 'closed';
  now = 0;
  history: { at: number; ok: boolean }[] = [];
  era = 0;
  openings = 0;
  until = 0;
  successes = 0;
  probe: Sent | undefined;
  probeSince = 0;
}

interface Sent {
  readonly ticket: number;
  readonly era: number;
}

const FAILURES = 3;
const SUCCESSES = 2;
const TIMEOUT = 100;
const MAX_TIMEOUT = 500;
const RATE = { successRate: 0.6, minCalls: 4, windowMs: 200 };

interface Real {
  readonly breaker: Breaker;
  readonly inFlight: Sent[];
}

type Strategy = 'consecutive' | 'rate';

const modelOpens = (model: Model): void => {
  const full = Math.min(MAX_TIMEOUT, TIMEOUT * 2 ** model.openings);
  model.until = model.now + (model.openings === 0 ? TIMEOUT : Math.max(TIMEOUT, full * 0.75));
  model.openings++;
  model.state = 'open';
  model.era++;
};

/** Whether the model lets a call through now. */
function modelAdmits(model: Model): boolean {
  if (model.state === 'closed') return true;
  if (model.state === 'open') return model.now >= model.until;
  return model.probe === undefined || model.now >= model.probeSince + TIMEOUT;
}

function trips(model: Model, strategy: Strategy): boolean {
  if (strategy === 'consecutive') return model.history.length >= FAILURES && model.history.slice(-FAILURES).every(({ ok }) => !ok);
  const slot = RATE.windowMs / 10;
  const inWindow = model.history.filter(({ at }) => Math.floor(at / slot) > Math.floor(model.now / slot) - 10);
  return inWindow.length >= RATE.minCalls && inWindow.filter(({ ok }) => ok).length / inWindow.length < RATE.successRate;
}

const agree = (model: Model, real: Real): void => {
  expect(real.breaker.state).toBe(model.state);
  expect(real.breaker.isReady(model.now)).toBe(modelAdmits(model));
};

class Call implements fc.Command<Model, Real> {
  check = (): boolean => true;
  toString = (): string => 'call';

  run(model: Model, real: Real): void {
    const ticket = real.breaker.admit(model.now);
    expect(ticket > 0).toBe(modelAdmits(model));
    if (ticket > 0) {
      if (model.state === 'open') {
        model.state = 'half-open';
        model.successes = 0;
        model.era++;
      }
      const sent = { ticket, era: model.era };
      if (model.state === 'half-open') {
        model.probe = sent;
        model.probeSince = model.now;
      }
      real.inFlight.push(sent);
    }
    agree(model, real);
  }
}

class Settle implements fc.Command<Model, Real> {
  readonly #index: number;
  readonly #outcome: BreakerOutcome;
  readonly #strategy: Strategy;

  constructor(index: number, outcome: BreakerOutcome, strategy: Strategy) {
    this.#index = index;
    this.#outcome = outcome;
    this.#strategy = strategy;
  }

  check = (): boolean => true;
  toString = (): string => `settle(${this.#index}, ${this.#outcome})`;

  run(model: Model, real: Real): void {
    const [sent] = real.inFlight.splice(this.#index % Math.max(1, real.inFlight.length), 1);
    if (sent === undefined) return;
    real.breaker.settleAs(sent.ticket, this.#outcome, undefined, model.now);
    if (model.state === 'closed' && sent.era === model.era) {
      if (this.#outcome !== 'none') model.history.push({ at: model.now, ok: this.#outcome === 'success' });
      if (this.#outcome === 'failure' && trips(model, this.#strategy)) modelOpens(model);
    } else if (model.state === 'half-open' && sent === model.probe) {
      model.probe = undefined;
      if (this.#outcome === 'failure') modelOpens(model);
      if (this.#outcome === 'success' && ++model.successes === SUCCESSES) {
        model.state = 'closed';
        model.openings = 0;
        model.history = [];
        model.era++;
      }
    }
    agree(model, real);
  }
}

class Advance implements fc.Command<Model, Real> {
  readonly #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  check = (): boolean => true;
  toString = (): string => `advance(${this.#ms})`;

  run(model: Model, real: Real): void {
    model.now += this.#ms;
    agree(model, real);
  }
}

describe('against a model that remembers everything', () => {
  test.each<Strategy>(['consecutive', 'rate'])('whatever is called, ends and passes: %s', (strategy) => {
    const reached = new Set<string>();
    const outcome = fc.constantFrom<BreakerOutcome>('failure', 'failure', 'success', 'success', 'none');
    const commands = fc.commands(
      [
        fc.constant(new Call()),
        fc.tuple(fc.nat(4), outcome).map(([index, what]) => new Settle(index, what, strategy)),
        fc.oneof(fc.nat(30), fc.constantFrom(19, 20, TIMEOUT - 1, TIMEOUT, TIMEOUT + 1, 200, MAX_TIMEOUT)).map((ms) => new Advance(ms)),
      ],
      { maxCommands: 200, size: '+2' },
    );
    fc.assert(
      fc.property(commands, (run) => {
        const settings = completeCircuitBreaker({
          clock: new FakeClock(),
          random: () => 0.5,
          ...(strategy === 'consecutive' ? { failureThreshold: FAILURES } : { strategy: RATE }),
          successThreshold: SUCCESSES,
          timeout: TIMEOUT,
          maxTimeoutMs: MAX_TIMEOUT,
        });
        const real: Real = { breaker: new Breaker('payments', '*', settings, ({ from, to }) => void reached.add(`${from} → ${to}`)), inFlight: [] };
        fc.modelRun(() => ({ model: new Model(), real }), run);
      }),
      { numRuns: 150 },
    );
    // Else the runs above have shown little.
    expect([...reached].sort()).toEqual(['closed → open', 'half-open → closed', 'half-open → open', 'open → half-open']);
  });
});
