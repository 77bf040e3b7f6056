import { MeshError, type AdapterContext, type Clock, type ClockTimer, type Logger, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { RuleTable } from './alerting-options.js';
import type { IncidentBook } from './incident-book.js';
import type { Incident } from './incident.js';
import { Inheritance } from './inheritance.js';
import { lossSignals } from './rules.js';

const LOOK_MS = 30_000;

/** What a {@link MetricsWatch} works on. */
export interface MetricsWatchParts {
  readonly rules: RuleTable;
  /** Whether no other process has the same incidents: only then is what is over here over for all. */
  readonly isOnly: boolean;
  readonly book: IncidentBook;
  readonly clock: () => Clock;
  readonly logger: () => Logger;
  /** Of an incident that a look has perhaps changed. */
  readonly touch: (incident: Incident) => void;
  /** After each look that time brought. */
  readonly onLook: () => void;
}

/** Looks at what no event says: what other adapters lost, breakers that went with their instance, and what a process before has left open. */
export class MetricsWatch {
  readonly #parts: MetricsWatchParts;
  readonly #lost = new Map<string, number>();
  /** At the last look: those of the metrics, and those that incidents are about. */
  #breakersSeen: ReadonlySet<string> = new Set();
  #context: AdapterContext | undefined;
  #inheritance: Inheritance | undefined;
  #timer: ClockTimer | undefined;

  constructor(parts: MetricsWatchParts) {
    this.#parts = parts;
  }

  /** From here on it looks every 30 s, where a rule needs it. */
  start(context: AdapterContext): void {
    this.#context = context;
    const { rules, book, isOnly, clock } = this.#parts;
    if (isOnly) this.#inheritance = new Inheritance(book, rules, clock().monotonic());
    if (isOnly || rules.auditLoss !== undefined || rules.breakerOpen !== undefined) this.#arm();
  }

  /** Looks at once. Before `start()` there is nothing to see. */
  look(): void {
    const { book, clock, logger } = this.#parts;
    try {
      if (this.#context !== undefined) this.#compare(this.#context.serviceId, this.#context.metrics());
    } catch (error) {
      logger().warn('the metrics of the mesh cannot be read for incidents', { error: MeshError.from(error).message });
    }
    book.sweep(clock().monotonic());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#parts.clock().setTimeout(() => {
      this.#arm();
      this.look();
      this.#parts.onLook();
    }, LOOK_MS);
  }

  #compare(serviceId: string, metrics: MetricsSnapshot): void {
    const { breakers, stats } = metrics;
    const { book, rules, clock, touch } = this.#parts;
    const now = clock().monotonic();
    for (const signal of lossSignals(stats.audit?.adapters ?? [], this.#lost, serviceId, rules, clock().now())) {
      const incident = book.apply(signal, now);
      if (incident !== undefined) touch(incident);
    }
    const open = new Set(breakers.filter(({ state }) => state !== 'closed').map(({ service, endpoint }) => `${service} ${endpoint}`));
    const known = new Set(breakers.map(({ service, endpoint }) => `${service} ${endpoint}`));
    const seen = new Set(known);
    for (const incident of book.incidents) {
      const { rule, target } = incident.subject;
      if (rule !== 'breakerOpen') continue;
      incident.keep((part) => open.has(`${target} ${part}`) || !(known.has(`${target} ${part}`) || this.#breakersSeen.has(`${target} ${part}`)), now);
      // An instance that came and went between two looks: the metrics never have it.
      for (const part of incident.parts) if (part.includes(':')) seen.add(`${target} ${part}`);
      touch(incident);
    }
    this.#breakersSeen = seen;
    for (const incident of this.#inheritance?.claim(serviceId, metrics, now) ?? []) touch(incident);
  }
}
