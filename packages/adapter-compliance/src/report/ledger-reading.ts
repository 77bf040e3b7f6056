import { RecentIds, type AuditAction } from '@lemur-bookstores/mesh-interface';
import { CHECKPOINT } from '../ledger/kept-events.js';
import { isLedgerAction, LEDGER_ACTIONS, type LedgerAction } from '../ledger/ledger-entry.js';
import { Coverage } from './coverage.js';
import { causeOf, countOf, fieldsOf, readKeyEvent, textOf, timeOf, type KeyEvent } from './key-event.js';
import { KeyHistory } from './key-history.js';
import type { ReportParts } from './report-parts.js';

/** What is delivered twice comes again soon: among so many entries. */
const DELIVERED_TWICE_WITHIN = 10_000;

/** What the ledger was kept for in its last run. */
export interface Purpose {
  readonly standard: string;
  readonly requirement: string;
  /** Since when, ms since 1970. */
  readonly since: number;
}

type Entry = Readonly<Record<string, unknown>>;

const TRAIL: ReadonlySet<unknown> = new Set<string>([...(['audit.start', 'audit.stop', 'system.start', 'system.stop'] satisfies AuditAction[]), LEDGER_ACTIONS.started, LEDGER_ACTIONS.stopped]);

/** Reads one ledger entry by entry, and fills the parts of a report. */
export class LedgerReading {
  readonly #service: string;
  readonly #ledger: string;
  readonly #parts: ReportParts;
  readonly #coverage: Coverage;
  readonly #history: KeyHistory;
  readonly #ids = new RecentIds(DELIVERED_TWICE_WITHIN);
  #purpose: Purpose | undefined;
  #lastRunEnd: number | undefined;
  #unreadable: { count: number; from: number; to: number } | undefined;

  constructor(service: string, ledger: string, parts: ReportParts) {
    this.#service = service;
    this.#ledger = ledger;
    this.#parts = parts;
    this.#coverage = new Coverage(parts.window, (gap) => parts.gap(service, ledger, gap));
    this.#history = new KeyHistory((key, end) => parts.keys.add(ledger, key, end));
  }

  /** Whether the ledger speaks for any moment of the period. */
  get covers(): boolean {
    return this.#coverage.covers;
  }

  get purpose(): Purpose | undefined {
    return this.#purpose;
  }

  /** The next entry, in the ledger's order. */
  entry(entry: Entry): void {
    const at = timeOf(entry['timestamp']);
    if (at === undefined) return;
    const { action, metadata } = fieldsOf(entry['details']);
    if (isLedgerAction(action)) {
      this.#ownEntry(action, at, fieldsOf(metadata));
      return;
    }
    this.#coverage.entry(at);
    // Delivered twice: over a restart that happens.
    const { id } = entry;
    if ((typeof id === 'string' && !this.#ids.add(id)) || at >= this.#parts.window.to) return;
    const event = readKeyEvent(entry);
    if (event === 'other') this.#trailEvent(action, entry, at);
    else if (event === 'unreadable') this.#onUnreadable(at);
    else this.#keyEvent(event);
  }

  /** @param now ms since 1970 */
  finish(now: number): void {
    this.#ended(this.#coverage.finish(now));
    this.#history.finish();
    if (this.#unreadable === undefined) return;
    const { count, from, to } = this.#unreadable;
    const text = `${count} events of type key_rotation do not say which key they are about: redaction hides keyId or keyType, or another version wrote them`;
    this.#parts.gap(this.#service, this.#ledger, { kind: 'no readable key', from, to, text });
  }

  #ownEntry(action: LedgerAction, at: number, { standard, requirement, heartbeatMs }: Entry): void {
    switch (action) {
      case LEDGER_ACTIONS.started:
        this.#ended(this.#coverage.started(at, countOf(heartbeatMs)));
        if (typeof standard === 'string' && typeof requirement === 'string') this.#purpose = { standard, requirement, since: at };
        break;
      case LEDGER_ACTIONS.stopped:
        this.#coverage.stopped(at);
        this.#ended(at);
        break;
      case LEDGER_ACTIONS.alive:
        this.#coverage.entry(at);
        return;
    }
    this.#trail(action, at);
  }

  /** A run of the ledger is over. */
  #ended(lastSeen: number | undefined): void {
    this.#lastRunEnd = lastSeen ?? this.#lastRunEnd;
    // What came to an end after the period was in use at its end.
    if (lastSeen !== undefined && lastSeen < this.#parts.window.to) this.#history.processEnded(lastSeen);
  }

  #keyEvent(event: KeyEvent): void {
    this.#history.apply(event);
    if (event.at < this.#parts.window.from || event.action === 'key.overdue') return;
    const { service, keyType, keyId, previousKeyId, peerId, sessionsRekeyed, action, trigger, success, error } = event;
    const at = new Date(event.at).toISOString();
    const change = {
      service, ledger: this.#ledger, keyType, keyId, at, action, trigger: causeOf(event), success,
      ...(previousKeyId !== undefined && { previousKeyId }),
      ...(peerId !== undefined && { peerId }),
      ...(sessionsRekeyed !== undefined && { sessionsRekeyed }),
      ...(error !== undefined && { error }),
    };
    const isRoutine = keyType === 'session' && success && trigger !== 'compromise' && trigger !== 'manual';
    this.#parts.changes.add(change, isRoutine ? 'ordinary' : 'important');
    if (action !== 'key.rotation_failed') return;
    this.#parts.findings.add({ kind: 'change failed', service, ledger: this.#ledger, keyType, keyId, at, text: `its change (${trigger}) failed: ${error ?? 'no reason is recorded'}` });
  }

  #trailEvent(action: unknown, entry: Entry, at: number): void {
    const metadata = fieldsOf(fieldsOf(entry['details'])['metadata']);
    if (action === CHECKPOINT) this.#head(metadata, at);
    if (action === ('audit.gap' satisfies AuditAction)) this.#lost(metadata, at);
    if (action === ('audit.start' satisfies AuditAction)) this.#history.processBegan(String(entry['serviceId']), countOf(entry['sequence']) ?? 0, this.#lastRunEnd ?? at);
    if (action === ('system.start' satisfies AuditAction)) this.#coverage.mesh('started');
    if (action === ('system.stop' satisfies AuditAction)) this.#coverage.mesh('stopped');
    if (TRAIL.has(action)) this.#trail(String(action), at);
  }

  #trail(action: string, at: number): void {
    const { from, to } = this.#parts.window;
    if (at >= from && at < to) this.#parts.trail.add({ service: this.#service, ledger: this.#ledger, at: new Date(at).toISOString(), action });
  }

  #head({ origin, size, root, note }: Entry, at: number): void {
    const [name, records, hash, text] = [textOf(origin), countOf(size), textOf(root), textOf(note)];
    if (name === undefined || records === undefined || hash === undefined || text === undefined) return;
    this.#parts.head({ service: this.#service, origin: name, size: records, root: hash, note: text, at: new Date(at).toISOString() });
  }

  #lost({ count, fromSequence, toSequence }: Entry, at: number): void {
    if (at < this.#parts.window.from) return;
    const text = `${countOf(count) ?? 'an unknown number of'} events were dropped before they came to the ledger (sequence numbers ${countOf(fromSequence) ?? '?'} to ${countOf(toSequence) ?? '?'}), at this time or before`;
    this.#parts.gap(this.#service, this.#ledger, { kind: 'events lost', from: at, to: at, text });
  }

  #onUnreadable(at: number): void {
    if (at < this.#parts.window.from) return;
    this.#unreadable ??= { count: 0, from: at, to: at };
    this.#unreadable.count += 1;
    this.#unreadable.to = Math.max(this.#unreadable.to, at);
  }
}
