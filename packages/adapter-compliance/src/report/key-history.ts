import { causeOf, type KeyEvent } from './key-event.js';
import { keyFromBefore, trackedKey, type KeyEnd, type TrackedKey } from './tracked-key.js';

/** Keys in use at one time, of one ledger. Beyond it the end of the oldest counts as not seen. */
const MAX_IN_USE = 100_000;
/** Keys whose process ended: their end may still come, out of a spill. */
const MAX_LOST = 10_000;

/** What became of the keys of one ledger, event by event, in bounded memory: a key that has ended is told, and forgotten. */
export class KeyHistory {
  readonly #inUse = new Map<string, TrackedKey>();
  readonly #lost = new Map<string, { readonly key: TrackedKey; readonly lastSeen: number }>();
  readonly #onEnd: (key: TrackedKey, end: KeyEnd) => void;

  /** @param onEnd called once for each key, at its end or at that of the reading */
  constructor(onEnd: (key: TrackedKey, end: KeyEnd) => void) {
    this.#onEnd = onEnd;
  }

  apply(event: KeyEvent): void {
    switch (event.action) {
      case 'key.activated':
        this.#activate(event);
        break;
      case 'key.rotated':
        if (event.previousKeyId !== undefined && event.previousKeyId !== event.keyId) this.#retire(event, event.previousKeyId);
        this.#activate(event);
        break;
      case 'key.retired':
        this.#retire(event, event.keyId);
        break;
      case 'key.rotation_failed':
        this.#known(event).failedChanges += 1;
        break;
      case 'key.overdue': {
        const key = this.#known(event);
        key.overdueSince ??= event.at - (event.overdueMs ?? 0);
        key.overdueMs = Math.max(key.overdueMs ?? 0, event.overdueMs ?? 0);
        break;
      }
    }
  }

  /** The process that recorded them is gone, and what it had in memory with it. */
  processEnded(lastSeen: number): void {
    for (const key of this.#inUse.values()) this.#lose(key, lastSeen);
    this.#inUse.clear();
  }

  /**
   * The audit trail of a process begins. What came since the ledger did, with a higher sequence number, is of the process before, out of its spill.
   * @param sequence of the event that says so
   */
  processBegan(service: string, sequence: number, lastSeen: number): void {
    for (const [keyId, key] of this.#inUse) {
      if (key.service !== service || key.sequence <= sequence) continue;
      this.#inUse.delete(keyId);
      this.#lose(key, Math.max(lastSeen, key.activatedAt));
    }
  }

  /** Nothing more comes. */
  finish(): void {
    for (const { key, lastSeen } of this.#lost.values()) this.#onEnd(key, { kind: 'end not seen', lastSeen });
    for (const key of this.#inUse.values()) this.#onEnd(key, { kind: 'in use' });
    this.#lost.clear();
    this.#inUse.clear();
  }

  #activate(event: KeyEvent): void {
    const { keyId } = event;
    if (this.#inUse.has(keyId)) return;
    // A certificate that the next process goes on with is the same key.
    const before = this.#lost.get(keyId)?.key;
    this.#lost.delete(keyId);
    this.#use(before ?? trackedKey(event));
  }

  #retire(event: KeyEvent, keyId: string): void {
    const { retired, at } = event;
    const known = this.#inUse.get(keyId) ?? this.#lost.get(keyId)?.key;
    this.#inUse.delete(keyId);
    this.#lost.delete(keyId);
    const key = known ?? keyFromBefore(event, keyId, retired === undefined ? at : Date.parse(retired.activatedAt));
    this.#onEnd(key, { kind: 'retired', at, by: causeOf(event), retired });
  }

  /** The key that an event is about; from now on in use, where it was not known. */
  #known(event: KeyEvent): TrackedKey {
    const known = this.#inUse.get(event.keyId) ?? this.#lost.get(event.keyId)?.key;
    if (known !== undefined) return known;
    const key = keyFromBefore(event, event.keyId);
    this.#use(key);
    return key;
  }

  #use(key: TrackedKey): void {
    this.#inUse.set(key.keyId, key);
    if (this.#inUse.size <= MAX_IN_USE) return;
    const [oldest] = this.#inUse.values();
    if (oldest === undefined) return;
    this.#inUse.delete(oldest.keyId);
    this.#onEnd(oldest, { kind: 'end not seen', lastSeen: oldest.activatedAt });
  }

  #lose(key: TrackedKey, lastSeen: number): void {
    this.#lost.set(key.keyId, { key, lastSeen });
    if (this.#lost.size <= MAX_LOST) return;
    const [oldest] = this.#lost.values();
    if (oldest === undefined) return;
    this.#lost.delete(oldest.key.keyId);
    this.#onEnd(oldest.key, { kind: 'end not seen', lastSeen: oldest.lastSeen });
  }
}
