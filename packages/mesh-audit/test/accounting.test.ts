import { expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { AuditLogger } from '../src/audit-logger.js';
import { message, never, security, turns } from './support.js';

/** `npm run soak` repeats more often. */
const SOAK = Number(process.env['MESH_SOAK'] ?? 1);

/** How a sink answers one delivery. */
type Answer = 'take' | 'late' | 'fail' | 'busy' | 'refuse' | 'throw' | 'hang' | 'nothing';
const answer = fc.constantFrom<Answer>('take', 'take', 'take', 'late', 'fail', 'busy', 'refuse', 'throw', 'hang', 'nothing');

/** A sink that goes through the given answers, and keeps what it really took. */
class RandomSink implements ManagedAdapter {
  readonly taken: MeshAuditEvent[] = [];
  readonly logEvents?: (events: readonly MeshAuditEvent[]) => Promise<void>;
  readonly #clock: FakeClock;
  readonly #answers: readonly Answer[];
  #next = 0;

  constructor(clock: FakeClock, answers: readonly Answer[], batches: boolean) {
    this.#clock = clock;
    this.#answers = answers;
    if (batches) this.logEvents = (events) => this.#deliver(events);
  }

  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#deliver([event]);
  }

  #deliver(events: readonly MeshAuditEvent[]): Promise<void> {
    const take = (): void => void this.taken.push(...events);
    switch (this.#answers[this.#next++ % this.#answers.length]!) {
      case 'take':
        take();
        return Promise.resolve();
      case 'nothing':
        take();
        return undefined as unknown as Promise<void>;
      case 'late':
        return new Promise((resolve) => {
          this.#clock.setTimeout(() => {
            take();
            resolve();
          }, 300);
        });
      case 'fail':
        return Promise.reject(new Error('down'));
      case 'busy':
        return Promise.reject(new MeshError('queue_full', 'busy', { retryAfterMs: 700 }));
      case 'refuse':
        return Promise.reject(new MeshError('invalid_option', 'never', { retryable: false }));
      case 'throw':
        throw new Error('sync');
      case 'hang':
        return never();
    }
  }
}

const sum = (stats: { filtered: number; delivered: number; queued: number; spilled: number; deadLettered: number; dropped: number }): number =>
  stats.filtered + stats.delivered + stats.queued + stats.spilled + stats.deadLettered + stats.dropped;

test('emitted = filtered + delivered + queued + spilled + deadLettered + dropped, always, whatever the sinks do', async () => {
  const sink = fc.record({ answers: fc.array(answer, { minLength: 1, maxLength: 12 }), batches: fc.boolean() });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ record: fc.constantFrom('message' as const, 'security' as const), times: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 3_000 }) }) },
    { weight: 2, arbitrary: fc.record({ turns: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.constant({ log: true as const }) },
  );
  const options = fc.record({ laneEvents: fc.integer({ min: 1, max: 20 }), laneBytes: fc.integer({ min: 300, max: 9_000 }), batch: fc.integer({ min: 1, max: 8 }), attempts: fc.integer({ min: 1, max: 4 }) });

  await fc.assert(
    fc.asyncProperty(fc.array(sink, { minLength: 1, maxLength: 3 }), fc.array(step, { maxLength: 25 }), options, async (sinks, steps, bounds) => {
      const clock = new FakeClock();
      const adapters = sinks.map(({ answers, batches }) => new RandomSink(clock, answers, batches));
      const audit = new AuditLogger({
        adapters, clock, logger: silentLogger, ...bounds, deliveryTimeoutMs: 500, retryDelayMs: 100, flushMs: 1_000,
        events: (event) => event.details.action !== 'unwanted',
      });
      let outcomes = 0;
      let logs = 0;
      let lastSequence = 0;
      const check = (): void => {
        const stats = audit.stats();
        expect(stats.emitted).toBe(lastSequence);
        for (const lane of stats.adapters) {
          expect(lane.emitted).toBe(lastSequence);
          expect(sum(lane)).toBe(lane.emitted);
          expect(lane.queued).toBeLessThanOrEqual(bounds.laneEvents);
        }
      };

      for (const one of steps) {
        if ('record' in one) {
          for (let index = 0; index < one.times; index++) {
            const input = one.record === 'message' ? message(index % 5 === 4 ? 'unwanted' : 'message.sent') : security();
            expect(audit.record(input)?.sequence).toBe(++lastSequence);
            check();
          }
        } else if ('advance' in one) await clock.advance(one.advance);
        else if ('turns' in one) await turns(one.turns);
        else {
          logs++;
          lastSequence++;
          audit.log(security()).then(() => outcomes++, () => outcomes++);
        }
        check();
      }

      let closed = false;
      const closing = audit.close().then(() => (closed = true));
      for (let index = 0; index < 20 && !closed; index++) {
        await clock.advance(100);
        check();
      }
      await closing;
      await turns(2);
      check();
      expect(outcomes).toBe(logs);

      audit.stats().adapters.forEach((lane, index) => {
        expect(lane.queued).toBe(0);
        const taken = adapters[index]!.taken;
        const gaps = taken.filter(({ details }) => details.action === 'audit.gap');
        const events = taken.filter(({ details }) => details.action !== 'audit.gap');
        const distinct = new Set(events.map(({ id }) => id));
        // A sink may have more than it confirmed (a late answer, the end), never less.
        expect(distinct.size).toBeGreaterThanOrEqual(lane.delivered);
        expect(gaps.reduce((count, gap) => count + (gap.details.metadata?.['count'] as number), 0)).toBeLessThanOrEqual(lane.dropped);
        for (const [at, gap] of taken.entries()) {
          // Each for the first time: a retry may bring what the sink has already.
          if (at > 0 && !taken.slice(0, at).some(({ id }) => id === gap.id)) expect(gap.sequence).toBeGreaterThanOrEqual(Math.max(...taken.slice(0, at).map(({ sequence }) => sequence)));
        }
      });
    }),
    { numRuns: 120 * SOAK },
  );
}, 30_000 * SOAK);

/** Takes only what it says it took, and can be made well again. */
class HonestSink implements ManagedAdapter {
  readonly taken: MeshAuditEvent[] = [];
  readonly logEvents?: (events: readonly MeshAuditEvent[]) => Promise<void>;
  readonly #answers: readonly ('take' | 'fail' | 'hang' | 'refuse')[];
  #next = 0;
  isWell = false;

  constructor(answers: readonly ('take' | 'fail' | 'hang' | 'refuse')[], batches: boolean) {
    this.#answers = answers;
    if (batches) this.logEvents = (events) => this.#deliver(events);
  }

  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#deliver([event]);
  }

  #deliver(events: readonly MeshAuditEvent[]): Promise<void> {
    const planned = this.isWell ? 'take' : this.#answers[this.#next++ % this.#answers.length]!;
    if (planned === 'hang') return never();
    if (planned === 'fail') return Promise.reject(new Error('down'));
    if (planned === 'refuse') return Promise.reject(new MeshError('body_invalid', 'never', { retryable: false }));
    this.taken.push(...events);
    return Promise.resolve();
  }
}

test('in memory nothing comes twice or out of order, every drop is covered by a gap record, and best-effort events go first', async () => {
  const sinks = fc.record({ answers: fc.array(fc.constantFrom('take' as const, 'take' as const, 'fail' as const, 'hang' as const, 'refuse' as const), { minLength: 1, maxLength: 8 }), batches: fc.boolean() });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ record: fc.constantFrom('message' as const, 'security' as const), times: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 2_000 }) }) },
    { weight: 2, arbitrary: fc.record({ turns: fc.integer({ min: 1, max: 4 }) }) },
  );
  const bounds = fc.record({ laneEvents: fc.integer({ min: 2, max: 20 }), batch: fc.integer({ min: 1, max: 8 }), attempts: fc.integer({ min: 1, max: 4 }) });
  await fc.assert(
    fc.asyncProperty(sinks, fc.array(step, { maxLength: 25 }), bounds, async ({ answers, batches }, steps, options) => {
      const clock = new FakeClock();
      const sink = new HonestSink(answers, batches);
      const dead = new Set<number>();
      const audit = new AuditLogger({
        adapters: [sink], clock, logger: silentLogger, ...options, deliveryTimeoutMs: 500, retryDelayMs: 100, flushMs: 1_000,
        onDeadLetter: (events) => events.forEach(({ sequence, details }) => details.action !== 'audit.gap' && dead.add(sequence)),
      });
      const recorded = new Map<number, 'message' | 'security'>();
      for (const one of steps) {
        if ('record' in one) {
          for (let index = 0; index < one.times; index++) recorded.set(audit.record(one.record === 'message' ? message() : security())!.sequence, one.record);
        } else if ('advance' in one) await clock.advance(one.advance);
        else await turns(one.turns);
      }
      sink.isWell = true;
      for (let index = 0; index < 100 && audit.stats().adapters[0]!.queued > 0; index++) await clock.advance(1_000);
      // Also the record of a gap may wait for a retry.
      await clock.advance(40_000);
      await turns(3);
      const stats = audit.stats().adapters[0]!;
      const isGap = ({ details }: MeshAuditEvent): boolean => details.action === 'audit.gap';
      const sequences = sink.taken.filter((event) => !isGap(event)).map(({ sequence }) => sequence);
      expect(sequences).toEqual([...new Set(sequences)].sort((one, other) => one - other));
      expect(sink.taken.map(({ sequence }) => sequence)).toEqual(sink.taken.map(({ sequence }) => sequence).toSorted((one, other) => one - other));
      const missing = [...recorded.keys()].filter((sequence) => !sequences.includes(sequence) && !dead.has(sequence));
      expect([missing.length, sequences.length, dead.size]).toEqual([stats.dropped, stats.delivered, stats.deadLettered]);
      const gaps = sink.taken.filter(isGap).map(({ details }) => details.metadata as { count: number; fromSequence: number; toSequence: number });
      if (stats.lostGaps === 0) {
        expect(gaps.reduce((count, gap) => count + gap.count, 0)).toBe(stats.dropped);
        for (const sequence of missing) expect(gaps.some(({ fromSequence, toSequence }) => fromSequence <= sequence && sequence <= toSequence)).toBe(true);
      }
      // While a message waits in the queue no security event is dropped: those dropped are at most those that came beyond the bound.
      const securityEvents = [...recorded.values()].filter((kind) => kind === 'security').length;
      const lostSecurity = missing.filter((sequence) => recorded.get(sequence) === 'security').length;
      if (securityEvents <= options.laneEvents - options.batch) expect(lostSecurity).toBe(0);
      const closing = audit.close();
      await clock.advance(2_000);
      await closing;
    }),
    { numRuns: 150 * SOAK },
  );
}, 30_000 * SOAK);
