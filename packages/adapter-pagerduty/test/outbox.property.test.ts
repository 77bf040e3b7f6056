import { expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { completeAlertingOptions } from '../src/alerting-options.js';
import { IncidentBook } from '../src/incident-book.js';
import type { Incident } from '../src/incident.js';
import { Outbox } from '../src/outbox.js';
import { resolveRequest, triggerRequest } from '../src/pager-payload.js';
import type { Signal } from '../src/rules.js';
import { CONTRACT_KEY, pagerDutyEvents } from './support/pager-duty.js';

const FAULTS = ['none', 'refused-before', 'lost-answer', '429', '429-retry-after', '400'] as const;
type Fault = (typeof FAULTS)[number];

interface Raise {
  readonly key: string;
  readonly at: number;
}

/** The book and the outbox of an adapter over the contract model, on a clock that stands still. Requests take time to arrive and to be answered. */
class World {
  readonly clock = new FakeClock();
  readonly pagerDuty = pagerDutyEvents({ now: () => this.clock.monotonic() });
  readonly underWay = new Set<string>();
  readonly raises: Raise[] = [];
  /** When alerts were open: `[from, to)`. */
  readonly openings = new Map<string, { from: number; to: number }[]>();
  twiceAtOnce = 0;
  faults: Fault[] = [];
  latencyMs = 0;
  readonly book: IncidentBook;
  readonly outbox: Outbox<Incident>;

  constructor(withPermanent: boolean) {
    const { rules } = completeAlertingOptions({ integrationKey: CONTRACT_KEY });
    this.book = new IncidentBook({ rules, environment: 'test', instance: undefined, onForgotten: (incident) => this.outbox.forget(incident) });
    this.outbox = new Outbox<Incident>({ clock: () => this.clock, random: () => 1, send: (incident, call, signal) => this.#send(incident, call, signal, withPermanent) });
  }

  signal(level: 'raise' | 'calm', target: number): void {
    const now = this.clock.monotonic();
    const signal: Signal = { level, rule: 'breakerOpen', service: 's', target: `t${target}`, part: 'a:1', adopts: true, severity: target % 2 === 0 ? 'error' : 'critical', weight: 1, fact: { at: this.clock.now(), action: 'breaker.opened', metadata: {} } };
    const incident = this.book.apply(signal, now);
    if (level === 'raise') this.raises.push({ key: incident!.key, at: now });
    if (incident !== undefined) this.outbox.touch(incident);
    this.outbox.pump();
  }

  async deliver(level: 'raise' | 'calm', target: number): Promise<void> {
    this.signal(level, target);
    const settled = this.outbox.settled(this.book.incidents).catch(() => undefined);
    await this.clock.advance(1);
    void settled;
  }

  #note(key: string): void {
    const now = this.clock.monotonic();
    const list = this.openings.get(key) ?? [];
    this.openings.set(key, list);
    const last = list.at(-1);
    const isOpen = this.pagerDuty.alerts.get(key)?.status === 'open';
    if (isOpen && (last === undefined || last.to !== Infinity)) list.push({ from: now, to: Infinity });
    else if (!isOpen && last !== undefined && last.to === Infinity) last.to = now;
  }

  async #send(incident: Incident, call: string, signal: AbortSignal, withPermanent: boolean): Promise<void> {
    const { key } = incident;
    if (this.underWay.has(key)) this.twiceAtOnce++;
    this.underWay.add(key);
    const request = call === 'resolve' ? resolveRequest(key) : triggerRequest(incident, { environment: 'test', instance: undefined, source: 'h' });
    const body = JSON.stringify({ routing_key: CONTRACT_KEY, ...request });
    const fault = this.faults.shift() ?? 'none';
    const half = this.latencyMs / 2;
    try {
      await this.#wait(half, signal);
      if (fault === 'refused-before') throw new MeshError('adapter_failed', 'refused', { retryable: true });
      if (fault === '429') throw new MeshError('adapter_failed', '429', { retryable: true, retryAfterMs: 30_000 });
      if (fault === '429-retry-after') throw new MeshError('adapter_failed', '429', { retryable: true, retryAfterMs: 7_000 });
      if (fault === '400' && withPermanent) {
        throw new MeshError('sink_refused', '400', { retryable: false });
      }
      const answer = this.pagerDuty.answer('POST', '/v2/enqueue', body);
      this.#note(key);
      await this.#wait(half, signal);
      if (fault === 'lost-answer') throw new MeshError('adapter_timeout', 'lost', { retryable: true });
      if (answer.status !== 202) throw new MeshError('sink_refused', JSON.stringify(answer.body), { retryable: answer.status === 429 });
    } finally {
      this.underWay.delete(key);
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimeout(resolve, ms);
      signal.addEventListener('abort', () => (timer.cancel(), reject(signal.reason as Error)), { once: true });
    });
  }

  /** Until nothing is left that time could bring: faults over, every hold and every delay over. */
  async quiet(): Promise<void> {
    this.faults = [];
    for (let round = 0; round < 60 && (this.outbox.untold.length > 0 || round < 4); round++) await this.clock.advance(600_000);
  }
}

const target = fc.nat({ max: 7 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom('raise' as const, 'calm' as const), target }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('burst' as const), count: fc.integer({ min: 100, max: 400 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.constantFrom(1, 100, 999, 5_000, 30_000, 60_000, 61_000, 299_999, 300_000, 900_000) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('faults' as const), faults: fc.array(fc.constantFrom(...FAULTS), { maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('latency' as const), ms: fc.constantFrom(0, 40, 2_000, 9_000) }) },
);

async function live(steps: readonly unknown[], withPermanent: boolean): Promise<World> {
  const world = new World(withPermanent);
  for (const each of steps as readonly { type: string; target: number; count: number; ms: number; faults: Fault[] }[]) {
    if (each.type === 'raise' || each.type === 'calm') await world.deliver(each.type, each.target);
    else if (each.type === 'burst') for (let index = 0; index < each.count; index++) world.signal('raise', 100 + index);
    else if (each.type === 'time') await world.clock.advance(each.ms);
    else if (each.type === 'faults') world.faults = [...each.faults];
    else world.latencyMs = each.ms;
  }
  await world.quiet();
  return world;
}

const steps = fc.array(step, { minLength: 1, maxLength: 40 });

test('once it is quiet, what PagerDuty has open is what is wanted; no trouble goes untold; never more than 120 calls in 60 s, nor two at once for one incident', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const world = await live(sequence, false);
      const wanted = [...world.book.incidents].filter((incident) => incident.isRaised).map(({ key }) => key);
      expect([...world.pagerDuty.open].sort()).toEqual(wanted.sort());
      expect(world.outbox.untold).toEqual([]);
      expect(world.pagerDuty.mostCallsInWindow).toBeLessThanOrEqual(120);
      expect(world.pagerDuty.counts).toMatchObject({ throttled: 0, invalid: 0 });
      expect(world.twiceAtOnce).toBe(0);
      // Each time that something went wrong an alert was open then, or was opened after.
      for (const { key, at } of world.raises) expect(world.openings.get(key)?.some(({ to }) => to > at)).toBe(true);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('refusals for good end nothing else: the budget holds, and the others are told', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const world = await live(sequence, true);
      expect(world.outbox.untold).toEqual([]);
      expect(world.pagerDuty.mostCallsInWindow).toBeLessThanOrEqual(120);
      expect(world.twiceAtOnce).toBe(0);
      // A refusal only puts off: what is wanted is tried again by time.
      const wanted = [...world.book.incidents].filter((incident) => incident.isRaised).map(({ key }) => key);
      expect([...world.pagerDuty.open].sort()).toEqual(wanted.sort());
    }),
    { numRuns: 150 },
  );
}, 60_000);
