import { MeshError, ThrottledWarning, type AdapterContext, type ClockTimer, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { withinDeadline } from '../deadline.js';
import { DeliveryGate } from './delivery-gate.js';
import { LeftOut } from './left-out.js';
import { OptionProblems, shown } from './option-problems.js';
import { SampleHash } from './sample-hash.js';
import { Surroundings, type SurroundingsOptions } from './surroundings.js';
import { acceptedBy, WrappingAdapter } from './wrapping-adapter.js';

/** Options of a {@link SamplingAdapter}. */
export interface SamplingAdapterOptions extends SurroundingsOptions {
  /** Share of the successful messages that is kept, from 0 (none) to 1 (all). */
  readonly rate: number;
  /**
   * Another seed keeps others. Default: the same everywhere, so that both ends of a traced call, sampled at the same rate, keep the same
   * calls. Callers choose trace ids: where one of them may not choose what is kept, set a seed that only you know.
   */
  readonly seed?: string | undefined;
  /** How often the inner adapter is told what was left out, in ms. Default 60,000; 1 to 2^31-1. */
  readonly intervalMs?: number | undefined;
}

/** How long the inner adapter may take for a statement, and how long a statement waits for a moment without deliveries, in ms. */
const STATEMENT_TIMEOUT_MS = 2_000;

/**
 * Gives the inner adapter a share of the messages that succeeded. Messages that failed, errors and security events (anything but `message`)
 * always pass. What becomes of an event depends on its trace id, else on its own id, alone: whole traces are kept or left out together.
 *
 * What was left out is stated: the inner adapter gets an event `audit.sampled` (`count`, `fromSequence`, `toSequence`, `rate`) every
 * `intervalMs` if there was any, at `flush()` and at `close()`.
 */
export class SamplingAdapter extends WrappingAdapter {
  readonly #threshold: number;
  readonly #intervalMs: number;
  readonly #hash: SampleHash;
  readonly #leftOut: LeftOut;
  readonly #gate = new DeliveryGate();
  readonly #surroundings: Surroundings;
  #warning: ThrottledWarning | undefined;
  #timer: ClockTimer | undefined;
  #stating: Promise<void> | undefined;
  #ended = false;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(inner: MonitoringAdapter, options: SamplingAdapterOptions) {
    const problems = new OptionProblems();
    problems.adapter('inner', inner);
    let intervalMs = 0;
    if (problems.object('options', options, ['rate', 'seed', 'intervalMs', 'clock', 'logger'])) {
      const { rate, seed } = options;
      if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1)) problems.add('rate', `must be a number from 0 to 1, not ${shown(rate)}`);
      if (seed !== undefined && typeof seed !== 'string') problems.add('seed', 'must be a text');
      intervalMs = problems.whole('intervalMs', options.intervalMs, { min: 1, max: 0x7fffffff, byDefault: 60_000 });
    }
    problems.throwIfAny();
    super('sampling', inner);
    this.#threshold = options.rate;
    this.#intervalMs = intervalMs;
    this.#hash = new SampleHash(options.seed ?? '');
    this.#leftOut = new LeftOut(options.rate);
    this.#surroundings = new Surroundings(options);
  }

  /** Events left out so far, stated or not. */
  get leftOut(): number {
    return this.#leftOut.total;
  }

  override accepts(event: MeshAuditEvent): boolean {
    // The inner adapter first: what it does not keep anyway was not left out here.
    if (!acceptedBy(this.inner, event)) return false;
    if (this.#keeps(event)) {
      this.#leftOut.letThrough(event);
      return true;
    }
    this.#leftOut.add(event);
    this.#arm();
    return false;
  }

  override async start(context: AdapterContext): Promise<void> {
    this.#surroundings.adopt(context);
    this.#warning = undefined;
    await super.start(context);
  }

  /** Waits for what is under way, and states what was left out before this call. */
  override async flush(): Promise<void> {
    // A lane asks accepts() as soon as an event is recorded: where all that it let through is still on its way, the interval brings it.
    if (!this.#leftOut.early) await this.#state();
    await super.flush();
  }

  /** States what was left out, and closes the inner adapter. What is left out afterwards is stated no more. */
  protected override async end(): Promise<void> {
    await this.#state();
    this.#ended = true;
    this.#timer?.cancel();
    await super.end();
  }

  protected override deliver(events: readonly MeshAuditEvent[], run: () => Promise<void>): Promise<void> {
    return this.#gate.pass(async () => {
      await run();
      for (const event of events) this.#leftOut.delivered(event);
    });
  }

  #keeps(event: MeshAuditEvent): boolean {
    if (event.eventType !== 'message' || event.details.success !== true) return true;
    const key: unknown = event.trace?.traceId ?? event.id;
    return typeof key !== 'string' || this.#hash.of(key) < this.#threshold;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#ended) return;
    this.#timer = this.#surroundings.clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#leftOut.early) this.#arm();
      else if (this.#stating === undefined) void this.#state();
    }, this.#intervalMs);
  }

  /** States everything left out before this call. Never rejects: a statement that fails is made again later. */
  #state(): Promise<void> {
    const stating = (this.#stating ?? Promise.resolve()).then(() => this.#stateAll());
    this.#stating = stating;
    return stating.finally(() => {
      if (this.#stating === stating) this.#stating = undefined;
    });
  }

  async #stateAll(): Promise<void> {
    try {
      // Twice at most: one that was made before and failed, and what was left out since.
      for (let turn = 0; turn < 2 && this.#leftOut.unsaid; turn++) await this.#gate.alone(this.#surroundings.clock, STATEMENT_TIMEOUT_MS, () => this.#say());
    } catch (error) {
      const failure = MeshError.from(error, 'adapter_failed');
      if (MeshError.is(error) && !failure.retryable && failure.reason !== 'adapter_timeout') this.#leftOut.takeBack();
      this.#warning ??= new ThrottledWarning(this.#surroundings.logger, this.#surroundings.clock);
      this.#warning.warn(`audit adapter ${this.name}: not told yet what was left out`, { error: failure.message });
    }
    if (this.#leftOut.unsaid) this.#arm();
  }

  async #say(): Promise<void> {
    const statement = this.#leftOut.statement(this.#surroundings.clock);
    if (statement === undefined) return;
    // One that keeps no such events must do without.
    if (acceptedBy(this.inner, statement)) await withinDeadline(this.#surroundings.clock, STATEMENT_TIMEOUT_MS, 'audit.sampled', () => this.inner.logEvent(statement));
    this.#leftOut.said();
    this.#leftOut.delivered(statement);
  }
}
