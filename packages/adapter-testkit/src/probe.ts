import assert from 'node:assert/strict';
import { types } from 'node:util';
import type { AdapterContext, AuditEventInput, Logger, ManagedAdapter, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AdapterDescription, AdapterSubject, TrialEnvironment } from './adapter-description.js';
import { isSupported, type AdapterSupport } from './adapter-support.js';
import { CountingClock } from './counting-clock.js';
import { brief, difference, missing, plain } from './held.js';
import { eventually, outcomeOf, type Outcome } from './outcome.js';
import { RecordingLogger } from './recording-logger.js';
import { SampleEvents } from './sample-events.js';
import { sampleMetrics } from './sample-metrics.js';

/** Sample events tried for one that the adapter accepts. */
const TRIES = 50;

/** A sink and an adapter for it, under examination: every call is bounded, and what comes of it is judged. */
export class Probe {
  readonly subject: AdapterSubject;
  readonly environment: TrialEnvironment;
  readonly support: AdapterSupport;
  readonly patienceMs: number;
  readonly logger = new RecordingLogger();
  readonly clock = new CountingClock();
  readonly emitted: AuditEventInput[] = [];
  readonly samples = new SampleEvents('order-service');
  readonly #holds: (event: MeshAuditEvent) => unknown;
  readonly #constructed: ManagedAdapter[] = [];

  constructor(description: AdapterDescription, subject: AdapterSubject, environment: TrialEnvironment) {
    this.subject = subject;
    this.environment = environment;
    this.support = description.supports ?? {};
    this.patienceMs = description.patienceMs ?? 3_000;
    this.#holds = (event) => (description.holds === undefined ? event : description.holds(event));
  }

  /** The adapter in use: the last one that was constructed. */
  get adapter(): ManagedAdapter {
    const adapter = this.#constructed.at(-1);
    if (adapter === undefined) throw new Error('no adapter is constructed yet');
    return adapter;
  }

  construct(): ManagedAdapter {
    const adapter = this.subject.construct() as ManagedAdapter;
    this.#constructed.push(adapter);
    return adapter;
  }

  get canBatch(): boolean {
    return this.support.batches === true;
  }

  /** What the adapter gets of the mesh. */
  context(logger: Logger = this.logger): AdapterContext {
    const { serviceId } = this.samples;
    const { environment } = this;
    return {
      serviceId,
      logger,
      clock: this.clock,
      get paths() {
        return environment.paths;
      },
      metrics: () => sampleMetrics(serviceId),
      emit: (event) => void this.emitted.push(event),
    };
  }

  /** Sample events that the adapter accepts: it is never given others. */
  events(count: number): MeshAuditEvent[] {
    return Array.from({ length: count }, () => this.event());
  }

  /** One event that the adapter accepts. `make` may be asked several times. */
  event(make: () => MeshAuditEvent = () => this.samples.next()): MeshAuditEvent {
    for (let tries = 0; tries < TRIES; tries++) {
      const event = make();
      if (this.accepts(event)) return event;
    }
    assert.fail(`accepts() takes none of ${TRIES} sample events in a row`);
  }

  accepts(event: MeshAuditEvent): boolean {
    return this.adapter.accepts?.(event) ?? true;
  }

  /** How a call ended. Fails where it throws instead of rejecting, or gives no answer. */
  async outcome<T>(what: string, call: () => PromiseLike<T> | T): Promise<Exclude<Outcome<T>, { state: 'pending' }>> {
    let answer: PromiseLike<T> | T;
    try {
      answer = call();
    } catch (error) {
      assert.fail(`${what} throws instead of giving a promise that rejects: ${brief(error)}`);
    }
    const outcome = await outcomeOf(answer, this.patienceMs);
    if (outcome.state === 'pending') assert.fail(`${what} gives no answer within ${this.patienceMs} ms`);
    return outcome;
  }

  /** Fails where the call does not resolve. */
  async must(what: string, call: () => PromiseLike<unknown> | undefined): Promise<void> {
    const outcome = await this.outcome(what, call);
    if (outcome.state === 'rejected') assert.fail(`${what} rejects: ${brief(outcome.error)}`);
  }

  /** What the call rejects with. Fails where it resolves, and where that is no error. */
  async rejection(what: string, call: () => PromiseLike<unknown> | undefined): Promise<Error> {
    const outcome = await this.outcome(what, call);
    if (outcome.state === 'fulfilled') assert.fail(`${what} resolves, and should reject`);
    return asError(what, outcome.error);
  }

  log(event: MeshAuditEvent): Promise<void> {
    return this.must('logEvent()', () => this.adapter.logEvent(event));
  }

  logBatch(events: readonly MeshAuditEvent[]): Promise<void> {
    // A copy: what an adapter does to the list is one case's affair.
    return this.must(`logEvents() with ${events.length} events`, () => this.callBatch([...events], new AbortController().signal));
  }

  /** As a lane does: in one batch where the adapter has `logEvents`, else one after the other. */
  async deliver(events: readonly MeshAuditEvent[]): Promise<void> {
    if (this.canBatch) await this.logBatch(events);
    else for (const event of events) await this.log(event);
  }

  callBatch(events: readonly MeshAuditEvent[], signal: AbortSignal): Promise<void> | undefined {
    return this.adapter.logEvents?.(events, { signal });
  }

  start(logger?: Logger): Promise<void> {
    return this.must('start()', () => this.adapter.start?.(this.context(logger)));
  }

  flush(): Promise<void> {
    return this.must('flush()', () => this.adapter.flush?.());
  }

  close(): Promise<void> {
    return this.must('close()', () => this.adapter.close?.());
  }

  /** What the sink holds by now. */
  async held(): Promise<readonly unknown[]> {
    return (await this.subject.received()).map(plain);
  }

  wanted(events: readonly MeshAuditEvent[]): unknown[] {
    return events.map((event) => plain(this.#holds(event)));
  }

  /** Fails unless the sink comes to hold exactly these, in this order. */
  async expectHeld(events: readonly MeshAuditEvent[]): Promise<void> {
    const wanted = this.wanted(events);
    // Where there are enough already, more will not make it right.
    await this.#expect((held) => ({ wrong: difference(held, wanted), isFinal: held.length >= wanted.length }));
  }

  /** Fails unless the sink comes to hold each of these, in any order, beside what else it holds. */
  async expectContains(events: readonly MeshAuditEvent[], times = 1): Promise<void> {
    const wanted = this.wanted(events);
    await this.#expect((held) => ({ wrong: missing(held, wanted, times), isFinal: false }));
  }

  async #expect(compare: (held: readonly unknown[]) => { readonly wrong: string | undefined; readonly isFinal: boolean }): Promise<void> {
    if (!isSupported(this.support, 'events')) return;
    let wrong: string | undefined;
    await eventually(this.patienceMs, async () => {
      const now = compare(await this.held());
      wrong = now.wrong;
      return wrong === undefined || now.isFinal;
    });
    if (wrong !== undefined) assert.fail(wrong);
  }

  /** Lets go of everything, whatever state it is in. */
  async end(): Promise<void> {
    await this.subject.release?.();
    for (const adapter of this.#constructed) await outcomeOf((async () => adapter.close?.())(), this.patienceMs);
    await this.subject.dispose?.();
  }
}

/** Errors of Node.js itself are no `Error` of the realm that a test runs in, so the class alone does not tell. */
function asError(what: string, error: unknown): Error {
  assert.ok(error instanceof Error || types.isNativeError(error), `${what} rejects with something that is no error: ${brief(error)}`);
  return error;
}
