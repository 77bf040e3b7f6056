import { MeshError } from '@lemur-bookstores/mesh-interface';
import { MAX_RECORD_BYTES } from './record.js';

/** Most records and bytes of one commit: what a caller waits for behind one sync. */
const MAX_BATCH_RECORDS = 4096;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** About what stands around a record in its line (`recordPrefix`), and for a batch what it takes to wait: nothing that waits is free. */
const OVERHEAD_BYTES = 80;

/** Where a batch went. */
export interface Appended {
  /** Index of its first record; the others follow without gaps. */
  readonly first: number;
}

/** Records of one caller: committed together. */
export interface CommitEntry {
  readonly records: readonly string[];
  /** Of the records. */
  readonly bytes: number;
  /** Of their lines. */
  readonly lineBytes: number;
  /** `own`: of the log itself. */
  readonly whose: 'own' | 'caller';
  /** Called when they are durable, in the same turn in which the log moves on. */
  readonly committed: (appended: Appended) => void;
  readonly failed: (error: MeshError) => void;
}

/** What waits for the next commit, in order, and what is in the one under way. Bounded in bytes. */
export class CommitQueue {
  #waiting: CommitEntry[] = [];
  #inFlight: readonly CommitEntry[] = [];
  #bytes = 0;
  readonly #withdrawn = new Map<CommitEntry, MeshError>();
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Bytes of the least that the next commit can have. */
  get nextBytes(): number {
    return this.#waiting[0]?.lineBytes ?? 0;
  }

  /** @throws MeshError `log_record_invalid` for a record over the cap, `queue_full` */
  add({ records, whose, committed, failed }: Omit<CommitEntry, 'bytes' | 'lineBytes'>): CommitEntry {
    let bytes = 0;
    for (const record of records) {
      const length = Buffer.byteLength(record);
      // Leaves room for what the log puts in front.
      if (length > MAX_RECORD_BYTES - 128) throw new MeshError('log_record_invalid', `a record has ${length} bytes, more than ${MAX_RECORD_BYTES - 128}`);
      bytes += length;
    }
    const entry: CommitEntry = { records, bytes, lineBytes: bytes + records.length * OVERHEAD_BYTES, whose, committed, failed };
    // One that is too large for an empty queue is let in: it could never be. The log's own are few, and it cannot do without.
    const isFull = this.#bytes > 0 && this.#bytes + costOf(entry) > this.#maxBytes;
    if (isFull && whose === 'caller') throw new MeshError('queue_full', `more than ${this.#maxBytes} bytes wait for the disk`);
    this.#waiting.push(entry);
    this.#bytes += costOf(entry);
    return entry;
  }

  /** Takes the next commit's entries: at least one where there is one. @param room bytes that there is room for */
  take(room: number): readonly CommitEntry[] {
    const maxBytes = Math.min(room, MAX_BATCH_BYTES);
    let [count, records, bytes] = [0, 0, 0];
    for (const entry of this.#waiting) {
      records += entry.records.length;
      bytes += entry.lineBytes;
      if (count > 0 && (records > MAX_BATCH_RECORDS || bytes > maxBytes)) break;
      count += 1;
    }
    this.#inFlight = this.#waiting.splice(0, count);
    return this.#inFlight;
  }

  /** What was taken is durable. */
  settle(): void {
    for (const entry of this.#inFlight) this.#bytes -= costOf(entry);
    this.#inFlight = [];
    this.#withdrawn.clear();
  }

  /** What was taken was not written: it comes first next time, but for what was withdrawn meanwhile. */
  putBack(): void {
    const again = this.#inFlight.filter((entry) => !this.#withdrawn.has(entry));
    for (const [entry, reason] of this.#withdrawn) this.#drop(entry, reason);
    this.#withdrawn.clear();
    this.#waiting = [...again, ...this.#waiting];
    this.#inFlight = [];
  }

  /** Its caller gave up. One in a commit under way is withdrawn only if that fails: it may be durable already. */
  withdraw(entry: CommitEntry, reason: MeshError): void {
    if (this.#inFlight.includes(entry)) {
      this.#withdrawn.set(entry, reason);
      return;
    }
    const index = this.#waiting.indexOf(entry);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#drop(entry, reason);
  }

  /** The log can take no more. */
  failAll(error: MeshError): void {
    const all = [...this.#inFlight, ...this.#waiting];
    [this.#inFlight, this.#waiting, this.#bytes] = [[], [], 0];
    this.#withdrawn.clear();
    for (const { failed } of all) failed(error);
  }

  #drop(entry: CommitEntry, reason: MeshError): void {
    this.#bytes -= costOf(entry);
    entry.failed(reason);
  }
}

const costOf = ({ lineBytes }: CommitEntry): number => lineBytes + OVERHEAD_BYTES;
