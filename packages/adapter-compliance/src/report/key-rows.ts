import type { Finding, KeyClass, KeyRow } from './compliance-report.js';
import { beyondHardLimit, lateness } from './key-rules.js';
import { Selection } from './selection.js';
import { timeSpan } from './time-span.js';
import type { KeyEnd, TrackedKey } from './tracked-key.js';

/** Keys that have type, algorithm and policy in common; options of a service rarely change. */
const MAX_CLASSES = 1000;

/** The part of the period, in ms since 1970, that there is something to say about. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

type Counts = { -readonly [Name in keyof KeyClass]: KeyClass[Name] };

/** The keys that were in use in the period: a row for each as far as there is room, sums of all, and what did not go as the policy says. */
export class KeyRows {
  readonly rows: Selection<KeyRow>;
  readonly totals = { keys: 0, inUse: 0, retired: 0, destroyed: 0, endNotSeen: 0 };
  readonly #window: Window;
  readonly #asOf: number;
  readonly #classes = new Map<string, Counts>();
  readonly #findings: Selection<Finding>;
  #classesNotListed = 0;

  /** @param now ms since 1970: keys in use are no older than that */
  constructor(window: Window, now: number, maxRows: number, findings: Selection<Finding>) {
    this.#window = window;
    this.#asOf = Math.min(window.to, now);
    this.rows = new Selection(maxRows);
    this.#findings = findings;
  }

  get classesNotListed(): number {
    return this.#classesNotListed;
  }

  get classes(): KeyClass[] {
    return [...this.#classes.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, counts]) => counts);
  }

  /** A key of a ledger, as it ended or as it stands at the period's end. */
  add(ledger: string, key: TrackedKey, end: KeyEnd): void {
    const endAt = end.kind === 'retired' ? end.at : end.kind === 'in use' ? this.#asOf : end.lastSeen;
    if (key.activatedAt >= this.#window.to || endAt < this.#window.from) return;
    const row = rowOf(ledger, key, end, endAt);
    const findings = [...overdue(row, key), ...beyond(row, endAt)];
    for (const finding of findings) this.#findings.add(finding);
    // Sessions have most of the keys, and those with nothing to say about least to tell.
    this.rows.add(row, row.keyType === 'session' && findings.length === 0 && row.failedChanges === 0 ? 'ordinary' : 'important');
    this.#count(row);
  }

  #count(row: KeyRow): void {
    const { totals } = this;
    totals.keys += 1;
    if (row.state === 'in use') totals.inUse += 1;
    if (row.state === 'retired') totals.retired += 1;
    if (row.state === 'end not seen') totals.endNotSeen += 1;
    if (row.destroyed === true) totals.destroyed += 1;
    const counts = this.#classOf(row);
    if (counts === undefined) return;
    counts.keys += 1;
    counts.inUse += row.state === 'in use' ? 1 : 0;
    counts.retired += row.state === 'retired' ? 1 : 0;
    counts.endNotSeen += row.state === 'end not seen' ? 1 : 0;
    counts.destroyed += row.destroyed === true ? 1 : 0;
    counts.overdue += row.overdueMs === undefined ? 0 : 1;
    counts.longestMs = Math.max(counts.longestMs, row.ageMs);
    counts.mostRecords = Math.max(counts.mostRecords, row.records ?? 0);
    counts.mostBytes = Math.max(counts.mostBytes, row.bytes ?? 0);
  }

  #classOf({ service, keyType, algorithm, policy }: KeyRow): Counts | undefined {
    const { intervalMs, rejectAfterMs, maxRecords, maxBytes, source } = policy;
    const name = JSON.stringify([service, keyType, algorithm, intervalMs, rejectAfterMs, maxRecords, maxBytes, source]);
    let counts = this.#classes.get(name);
    if (counts !== undefined) return counts;
    if (this.#classes.size >= MAX_CLASSES) {
      this.#classesNotListed += 1;
      return undefined;
    }
    counts = { service, keyType, algorithm, policy, keys: 0, inUse: 0, retired: 0, destroyed: 0, endNotSeen: 0, longestMs: 0, mostRecords: 0, mostBytes: 0, overdue: 0 };
    this.#classes.set(name, counts);
    return counts;
  }
}

function rowOf(ledger: string, key: TrackedKey, end: KeyEnd, endAt: number): KeyRow {
  const { service, keyType, keyId, algorithm, policy, activatedBy, peerId, previousKeyId, sessionsRekeyed } = key;
  const activatedAt = new Date(key.activatedAt).toISOString();
  const retired = end.kind === 'retired' ? end.retired : undefined;
  const ageMs = retired?.ageMs ?? Math.max(endAt - key.activatedAt, 0);
  const late = lateness(ageMs, policy);
  const overdueMs = late === undefined && key.overdueMs === undefined ? undefined : Math.max(late ?? 0, key.overdueMs ?? 0);
  return {
    service, ledger, keyType, keyId, algorithm,
    ...(peerId !== undefined && { peerId }),
    ...(previousKeyId !== undefined && { previousKeyId }),
    policy,
    createdAt: key.createdAt ?? activatedAt,
    activatedAt,
    ...(activatedBy !== undefined && { activatedBy }),
    state: end.kind,
    ...(end.kind === 'retired' && { retiredAt: new Date(end.at).toISOString(), retiredBy: end.by }),
    ageMs,
    ...(retired !== undefined && { records: retired.records, bytes: retired.bytes, destroyed: retired.destroyed }),
    ...(sessionsRekeyed !== undefined && { sessionsRekeyed }),
    ...(overdueMs !== undefined && { overdueMs }),
    failedChanges: key.failedChanges,
  };
}

function overdue(row: KeyRow, { activatedAt, overdueSince }: TrackedKey): Finding[] {
  const { service, ledger, keyType, keyId, overdueMs, policy, ageMs, state } = row;
  if (overdueMs === undefined) return [];
  const at = overdueSince ?? activatedAt + (policy.intervalMs ?? 0);
  const due = policy.intervalMs === undefined ? '' : `, to be changed after ${timeSpan(policy.intervalMs)}`;
  const text = `its change ${state === 'in use' ? 'is' : 'was'} ${timeSpan(overdueMs)} late: in use for ${timeSpan(ageMs)}${due}`;
  return [{ kind: 'overdue', service, ledger, keyType, keyId, at: new Date(at).toISOString(), text }];
}

function beyond(row: KeyRow, endAt: number): Finding[] {
  const { service, ledger, keyType, keyId } = row;
  const text = beyondHardLimit(row.ageMs, row, row.policy);
  return text === undefined ? [] : [{ kind: 'beyond hard limit', service, ledger, keyType, keyId, at: new Date(endAt).toISOString(), text }];
}
