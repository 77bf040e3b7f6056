import type { AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { DurationHistogram, type DurationSummary } from './duration-histogram.js';

/** Events of one type, action and outcome. */
export interface MetricsGroup {
  /** `_OTHER` where `action` is. */
  readonly eventType: AuditEventType | '_OTHER';
  /** `_OTHER` sums up all groups that found no room. */
  readonly action: string;
  readonly success: boolean;
  readonly count: number;
  /** Of those that had one. */
  readonly duration?: DurationSummary;
}

interface Group {
  readonly eventType: AuditEventType | '_OTHER';
  readonly action: string;
  readonly success: boolean;
  count: number;
  durations: DurationHistogram | undefined;
}

const OTHER = '_OTHER';

/** Counts events by type, action and outcome, in a bounded number of groups: what finds none is counted by outcome alone. */
export class EventCounts {
  readonly #maxGroups: number;
  readonly #groups = new Map<string, Group>();
  /** At most two, beside the bound. */
  readonly #others = new Map<boolean, Group>();
  #events = 0;
  #failures = 0;

  constructor(maxGroups: number) {
    this.#maxGroups = maxGroups;
  }

  get events(): number {
    return this.#events;
  }

  get failures(): number {
    return this.#failures;
  }

  add({ eventType, details }: MeshAuditEvent): void {
    const { action, success, duration } = details;
    const group = this.#groupOf(eventType, action, success);
    this.#count(group, 1);
    if (duration === undefined) return;
    group.durations ??= new DurationHistogram();
    group.durations.add(duration);
  }

  merge(other: EventCounts): void {
    for (const { eventType, action, success, count, durations } of [...other.#groups.values(), ...other.#others.values()]) {
      const group = this.#groupOf(eventType, action, success);
      this.#count(group, count);
      if (durations === undefined) continue;
      group.durations ??= new DurationHistogram();
      group.durations.merge(durations);
    }
  }

  /** Most frequent first. */
  groups(): readonly MetricsGroup[] {
    const all = [...this.#groups.values(), ...this.#others.values()].sort((a, b) => b.count - a.count);
    return all.map(({ eventType, action, success, count, durations }) => {
      const duration = durations?.summary();
      return Object.freeze({ eventType, action, success, count, ...(duration === undefined ? {} : { duration }) });
    });
  }

  #count(group: Group, count: number): void {
    group.count += count;
    this.#events += count;
    if (!group.success) this.#failures += count;
  }

  #groupOf(eventType: AuditEventType | '_OTHER', action: string, success: boolean): Group {
    if (eventType === OTHER) return this.#otherOf(success);
    const key = `${eventType} ${success ? 'ok' : 'failed'} ${action}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    if (this.#groups.size >= this.#maxGroups) return this.#otherOf(success);
    const group: Group = { eventType, action, success, count: 0, durations: undefined };
    this.#groups.set(key, group);
    return group;
  }

  #otherOf(success: boolean): Group {
    const known = this.#others.get(success);
    if (known !== undefined) return known;
    const group: Group = { eventType: OTHER, action: OTHER, success, count: 0, durations: undefined };
    this.#others.set(success, group);
    return group;
  }
}
