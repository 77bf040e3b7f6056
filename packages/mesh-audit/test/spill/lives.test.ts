// Random lives of a lane with a spill: sinks, disks and processes that fail at any point, against what must hold whatever happens.
import { expect, test } from '@jest/globals';
import { MeshError, type AuditEventInput, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { SimulatedDisk, type DiskFault, type DiskStep, type Luck } from '../../../mesh-log/test/support/simulated-disk.js';
import type { AuditLogger } from '../../src/audit-logger.js';
import { never, turns } from '../support.js';
import { imbalance, lane, SlowDisk, SpillBed } from './spilling.js';

type Answer = 'take' | 'fail' | 'refuse' | 'throw' | 'hang' | 'slow';

/** Takes nothing that it did not say it took: what comes twice, we sent twice. */
class Sink implements ManagedAdapter {
  readonly name = 'sink';
  readonly taken: MeshAuditEvent[] = [];
  readonly refused: MeshAuditEvent[] = [];
  /** Either, in the order in which they came. */
  readonly seen: MeshAuditEvent[] = [];
  readonly durable: boolean;
  readonly logEvents?: (events: readonly MeshAuditEvent[]) => Promise<void>;
  readonly #bed: SpillBed;
  readonly #answers: readonly Answer[];
  #next = 0;
  /** Healthy for good; or the process has ended. */
  mood: 'as planned' | 'healthy' | 'dead' = 'as planned';

  constructor(bed: SpillBed, answers: readonly Answer[], batches: boolean, durable: boolean) {
    this.#bed = bed;
    this.#answers = answers;
    this.durable = durable;
    if (batches) this.logEvents = (events) => this.#deliver(events);
  }

  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#deliver([event]);
  }

  #take(events: readonly MeshAuditEvent[]): void {
    this.taken.push(...events);
    this.seen.push(...events);
  }

  #deliver(events: readonly MeshAuditEvent[]): Promise<void> {
    if (this.mood === 'dead') return never();
    const answer = this.mood === 'healthy' ? 'take' : this.#answers[this.#next++ % this.#answers.length]!;
    switch (answer) {
      case 'take':
        this.#take(events);
        return Promise.resolve();
      case 'slow':
        return new Promise((resolve) => {
          this.#bed.clock.setTimeout(() => {
            if (this.mood === 'dead') return;
            this.#take(events);
            resolve();
          }, 200);
        });
      case 'fail':
        return Promise.reject(new Error('down'));
      case 'refuse':
        if (events.length === 1) {
          this.refused.push(events[0]!);
          this.seen.push(events[0]!);
        }
        return Promise.reject(new MeshError('body_invalid', 'never', { retryable: false }));
      case 'throw':
        throw new Error('sync');
      case 'hang':
        return never();
    }
  }
}

/** One process: what it recorded, and what became known of that. */
interface Generation {
  readonly sink: Sink;
  readonly audit: AuditLogger;
  /** By their number in the metadata. */
  readonly acknowledged: Set<number>;
  readonly recorded: Map<number, MeshAuditEvent | undefined>;
  end: 'living' | 'closed' | 'killed';
}

const answer = fc.constantFrom<Answer>('take', 'take', 'take', 'slow', 'fail', 'refuse', 'throw', 'hang');
const plan = fc.record({ answers: fc.array(answer, { minLength: 1, maxLength: 10 }), batches: fc.boolean(), durable: fc.boolean() });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('record' as const), type: fc.constantFrom('message' as const, 'connection' as const), times: fc.integer({ min: 1, max: 15 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('log' as const), type: fc.constantFrom('message' as const, 'connection' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(0, 20, 150, 700, 6_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fault' as const), after: fc.integer({ min: 1, max: 8 }), length: fc.integer({ min: 1, max: 6 }), how: fc.constantFrom<DiskFault>('fail', 'full') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), power: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);
const lives = fc.record({
  plans: fc.array(plan, { minLength: 1, maxLength: 4 }),
  steps: fc.array(step, { minLength: 3, maxLength: 30 }),
  /** Turns that each operation of the disk takes. */
  pace: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 8 }),
  luck: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
  options: fc.record({ laneEvents: fc.constantFrom(4, 20, 1_000), batch: fc.integer({ min: 1, max: 12 }), delivery: fc.constantFrom({}, { connection: 'fail-closed' as const }, { message: 'durable' as const }) }),
});

/** A life, from its beginning to the last delivery by a healthy process. */
class Life {
  readonly bed: SpillBed;
  readonly generations: Generation[] = [];
  readonly #plans: readonly { answers: readonly Answer[]; batches: boolean; durable: boolean }[];
  readonly #options: Record<string, unknown>;
  readonly #pace: readonly number[];
  #operations = 0;
  #fault: { at: number; length: number; how: DiskFault } | undefined;
  /** What a failed disk may cost: a cursor that was not written, a spill that was not opened. */
  faulted = false;
  #count = 0;

  constructor({ plans, options, pace }: { plans: Life['plans']; options: Record<string, unknown>; pace: readonly number[] }) {
    this.#pace = pace;
    this.bed = new SpillBed(new SimulatedDisk(this.#decide));
    this.#plans = plans;
    this.#options = options['delivery'] !== undefined && !plans.every(({ durable }) => durable) ? { ...options, delivery: {} } : options;
  }

  get plans(): readonly { answers: readonly Answer[]; batches: boolean; durable: boolean }[] {
    return this.#plans;
  }

  get now(): Generation {
    return this.generations.at(-1)!;
  }

  readonly #decide = ({ number }: DiskStep): DiskFault | undefined => {
    const fault = this.#fault;
    if (fault === undefined || number < fault.at || number >= fault.at + fault.length) return undefined;
    this.faulted = true;
    return fault.how;
  };

  begin(): void {
    const { answers, batches, durable } = this.#plans[this.generations.length % this.#plans.length]!;
    const sink = new Sink(this.bed, answers, batches, durable);
    this.generations.push({ sink, audit: this.bed.audit([sink], this.#options, { fileSystem: this.#slowly() }), acknowledged: new Set(), recorded: new Map(), end: 'living' });
  }

  /** Of this process: the disk of one that was killed is dead, and not the next one's. */
  #slowly(): SlowDisk {
    const { disk } = this.bed;
    return new SlowDisk(() => disk, () => this.#pace[this.#operations++ % this.#pace.length]!);
  }

  #input(eventType: 'message' | 'connection'): { readonly input: AuditEventInput; readonly n: number } {
    const n = this.#count++;
    return { n, input: { eventType, details: { action: 'auth.failed', success: true, metadata: { n } } } };
  }

  record(type: 'message' | 'connection'): void {
    const { input, n } = this.#input(type);
    this.now.recorded.set(n, this.now.audit.record(input));
  }

  log(type: 'message' | 'connection'): void {
    const { input, n } = this.#input(type);
    const generation = this.now;
    generation.recorded.set(n, undefined);
    generation.audit.log(input).then(
      () => generation.end !== 'killed' && generation.acknowledged.add(n),
      () => undefined,
    );
  }

  fault(after: number, length: number, how: DiskFault): void {
    this.#fault = { at: this.bed.disk.steps + after, length, how };
  }

  kill(loss: 'kill' | Luck): void {
    this.now.end = 'killed';
    this.now.sink.mood = 'dead';
    this.#fault = undefined;
    this.bed.disk.crash();
    this.bed.disk = this.bed.disk.restart(loss, this.#decide);
    this.bed.claims.held.clear();
    this.begin();
  }

  async restart(): Promise<void> {
    const { audit } = this.now;
    await this.bed.close(audit);
    this.now.end = 'closed';
    this.check();
    expect(lane(audit).queued).toBe(0);
    this.begin();
  }

  check(): void {
    const stats = lane(this.now.audit);
    expect(imbalance(stats)).toBe(0);
    for (const count of Object.values(stats)) if (typeof count === 'number') expect(count).toBeGreaterThanOrEqual(0);
    expect(stats.queued).toBeLessThanOrEqual(this.#options['laneEvents'] as number);
  }

  /** Everything works again. */
  async heal(): Promise<void> {
    this.#fault = undefined;
    this.now.sink.mood = 'healthy';
    await this.bed.until('all is delivered', () => lane(this.now.audit).spilled + lane(this.now.audit).queued === 0 && !this.#opens, 500);
    await this.bed.clock.advance(0);
    this.check();
  }

  /** Its spill may not be open yet, and hold more. */
  get #opens(): boolean {
    return this.bed.claims.held.size === 0;
  }
}

test('nothing acknowledged is lost, nothing is lost unsaid, the order is kept, nothing comes twice but after a crash, and the sums are right at any time', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async ({ plans, steps, luck, options, pace }) => {
      const life = new Life({ plans, options, pace });
      let thrown = 0;
      const dice: Luck = () => luck[thrown++ % luck.length]!;
      life.begin();
      for (const one of steps) {
        if (one.do === 'record') for (let index = 0; index < one.times; index++) life.record(one.type);
        else if (one.do === 'log') life.log(one.type);
        else if (one.do === 'time') await life.bed.clock.advance(one.ms);
        else if (one.do === 'turns') await turns(one.count);
        else if (one.do === 'fault') life.fault(one.after, one.length, one.how);
        else if (one.do === 'kill') life.kill(one.power ? dice : 'kill');
        else await life.restart();
        life.check();
      }
      // The last process opens the spill, if only for what others left.
      life.record('connection');
      await life.heal();
      await life.bed.close(life.now.audit);
      life.now.end = 'closed';
      life.check();

      const taken = life.generations.flatMap(({ sink }) => sink.taken);
      const numbers = taken.map(({ details }) => details.metadata!['n']).filter((n) => n !== undefined) as number[];
      const arrived = new Set([...numbers, ...life.generations.flatMap(({ sink }) => sink.refused).map(({ details }) => details.metadata!['n'] as number)]);
      for (const { acknowledged } of life.generations) for (const n of acknowledged) expect([n, arrived.has(n)]).toEqual([n, true]);

      // The order, of what each is seen for the first time; generations follow each other where each could open its spill at once.
      const seen = life.generations.flatMap(({ sink }) => sink.seen).map(({ details }) => details.metadata!['n']);
      const first = [...new Set(seen.filter((n) => n !== undefined))] as number[];
      const generationOf = (n: number): number => life.generations.findIndex(({ recorded }) => recorded.has(n));
      const within = life.generations.map(({ recorded }) => first.filter((n) => recorded.has(n)));
      for (const own of within) expect(own).toEqual(own.toSorted((one, other) => one - other));
      if (!life.faulted) expect(first.map(generationOf)).toEqual(first.map(generationOf).toSorted((one, other) => one - other));

      // Only after a kill, a disk that did not keep the cursor, or an answer that came after the end, anything comes twice.
      const answersInTime = plans.every(({ answers }) => !answers.includes('slow'));
      if (!life.faulted && answersInTime && life.generations.every(({ end }) => end === 'closed')) expect(numbers).toEqual([...new Set(numbers)]);

      life.generations.forEach(({ audit, recorded, end }) => {
        const stats = lane(audit);
        if (end !== 'closed') return;
        expect(stats.queued).toBe(0);
        // What is missing is counted as dropped or dead.
        const missing = [...recorded.keys()].filter((n) => !arrived.has(n)).length;
        expect(missing).toBeLessThanOrEqual(stats.dropped + stats.deadLettered);
        // A disk that works and memory for all there is: nothing is dropped, also not at the end.
        if (!life.faulted && options.laneEvents === 1_000) expect([stats.dropped, stats.lostGaps]).toEqual([0, 0]);
      });
    }),
    { numRuns: Number(process.env['LIVES'] ?? 60) },
  );
}, 60_000);
