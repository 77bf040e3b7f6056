import type { MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { AlertingRule, RuleTable } from './alerting-options.js';
import type { IncidentAbout, IncidentBook } from './incident-book.js';
import type { Incident } from './incident.js';
import { isOwnLane } from './rules.js';

/** By then a process has found what is wrong with it: its checks have run ten times. */
const SETTLED_MS = 300_000;
const OWN_KEYS = ['static', 'certificate'] as const;

/**
 * What the process before, of the same `instance`, may have left open, and this one would have opened by now if it were still true. Nobody has written down what was open: it is each
 * incident whose target is known here, once. A resolve that finds none open is dropped by PagerDuty.
 */
export class Inheritance {
  readonly #book: IncidentBook;
  readonly #rules: RuleTable;
  readonly #startedAt: number;

  constructor(book: IncidentBook, rules: RuleTable, startedAt: number) {
    this.#book = book;
    this.#rules = rules;
    this.#startedAt = startedAt;
  }

  /** Those whose time has come, and that are to be resolved. */
  claim(service: string, metrics: MetricsSnapshot, now: number): readonly Incident[] {
    if (now < this.#startedAt + SETTLED_MS) return [];
    const lanes = metrics.stats.audit?.adapters ?? [];
    // An event that waits may say that it is still true.
    if (lanes.some(({ adapter, queued, spilled }) => isOwnLane(adapter) && queued + spilled > 0)) return [];
    const due = subjectsOf(service, metrics).filter(({ rule }) => this.#isDue(rule, now));
    return due.map((subject) => this.#book.inherit(subject, now)).filter((incident) => incident !== undefined);
  }

  #isDue(rule: AlertingRule, now: number): boolean {
    const settings = this.#rules[rule];
    return settings !== undefined && now >= this.#startedAt + Math.max(SETTLED_MS, settings.calmMs ?? 0);
  }
}

function subjectsOf(service: string, { breakers, stats }: MetricsSnapshot): readonly (IncidentAbout & { readonly rule: AlertingRule })[] {
  const called = new Set(breakers.map((breaker) => breaker.service));
  for (const breaker of breakers) if (breaker.state !== 'closed') called.delete(breaker.service);
  return [
    { rule: 'health', service },
    ...OWN_KEYS.flatMap((target) => [{ rule: 'rotationFailed', service, target } as const, { rule: 'rotationOverdue', service, target } as const]),
    ...[...called].map((target) => ({ rule: 'breakerOpen', service, target }) as const),
    ...(stats.audit?.adapters ?? []).map(({ adapter }) => ({ rule: 'auditLoss', service, target: adapter }) as const),
  ];
}
