import { MeshError, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import type { SignedCheckpoint } from './checkpoint.js';
import { CheckpointSchedule } from './checkpoint-schedule.js';
import { CommitQueue, type Appended, type CommitEntry } from './commit-queue.js';
import { appendCancelled, logClosed } from './log-refusals.js';
import type { LogState } from './log-state.js';
import type { LogTail } from './log-tail.js';
import { RetryDelay } from './retry-delay.js';
import type { RotationSchedule } from './rotation-schedule.js';
import type { SigningKey } from './signing-key.js';
import { turnEnd } from './turn-end.js';
import { Waiters } from './waiters.js';

/** What records are committed with. */
export interface GroupCommitContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxPendingBytes: number;
  readonly patienceMs: number;
  readonly rotation: RotationSchedule;
  onCheckpoint(checkpoint: SignedCheckpoint): void;
  /** A segment was begun: the one before is complete. */
  onSegment(): void;
}

/** A log that is closed while its disk fails gives the records back after this many tries. */
const TRIES_AT_CLOSE = 2;

/**
 * Makes records durable, many callers' with one sync: write → fdatasync → acknowledge (PROTOCOL 7.2). What comes in while a commit is
 * under way waits for the next. A commit that fails is made again from what then still waits: nothing is lost, nothing doubled.
 */
export class GroupCommit {
  readonly #context: GroupCommitContext;
  readonly #tail: LogTail;
  readonly #queue: CommitQueue;
  readonly #checkpointWaiters = new Waiters<SignedCheckpoint>();
  readonly #rotationWaiters = new Waiters<void>();
  #state: LogState = { kind: 'open' };
  #closing = false;
  #run: Promise<void> | undefined;
  readonly #schedule: CheckpointSchedule;
  /** Events of callers since the segment began: one without any is not followed by the next because of the time. */
  #hasEvents: boolean;
  readonly #retry: RetryDelay;

  constructor(context: GroupCommitContext, tail: LogTail) {
    this.#context = context;
    this.#tail = tail;
    this.#queue = new CommitQueue(context.maxPendingBytes);
    this.#hasEvents = tail.segment !== undefined;
    this.#retry = new RetryDelay(context.clock);
    this.#schedule = new CheckpointSchedule(context.clock, () => this.tick());
  }

  get state(): LogState {
    return this.#state;
  }

  /**
   * @param signal takes the records back while they wait; those in a commit under way only if it fails
   * @returns once all are durable
   */
  append(records: readonly string[], signal?: AbortSignal): Promise<Appended> {
    if (this.#closing) throw logClosed();
    return new Promise((resolve, reject) => {
      if (signal === undefined) this.#add(records, resolve, reject);
      else this.#addWithSignal(records, signal, resolve, reject);
    });
  }

  #addWithSignal(records: readonly string[], signal: AbortSignal, committed: CommitEntry['committed'], failed: CommitEntry['failed']): void {
    if (signal.aborted) throw appendCancelled(signal);
    const abort = (): void => this.#queue.withdraw(entry, appendCancelled(signal));
    const forget = (): void => signal.removeEventListener('abort', abort);
    const entry = this.#add(records, (appended) => (forget(), committed(appended)), (error) => (forget(), failed(error)));
    signal.addEventListener('abort', abort, { once: true });
  }

  /** A record of the log itself, in JSON. `committed` runs in the turn in which the log took it. */
  appendOwn(record: string, committed?: () => void): Promise<Appended> {
    return new Promise((resolve, reject) => this.#add([record], (appended) => (committed?.(), resolve(appended)), reject, 'own'));
  }

  /** Signs a checkpoint over all that is durable. */
  checkpoint(): Promise<SignedCheckpoint> {
    return this.#wait(this.#checkpointWaiters);
  }

  /** Begins the next segment. */
  rotate(): Promise<void> {
    return this.#wait(this.#rotationWaiters);
  }

  /** Looks whether something is due. */
  tick(): void {
    this.#run ??= this.#work();
  }

  /** Commits `record` (`key_rotated`) and a checkpoint signed by both keys (PROTOCOL 7.4). */
  async changeKey(next: SigningKey, record: string): Promise<void> {
    await this.appendOwn(record, () => this.#tail.changeKey(next, record));
    do await this.checkpoint();
    while (this.#tail.isChangingKey);
  }

  /** Takes no more records of callers, and does not wait for a disk that takes nothing: a few tries, and all who wait are told. */
  hurry(): void {
    this.#closing = true;
    this.#retry.skip();
  }

  /** Commits what waits, then `record` and a checkpoint over it all. @throws MeshError `log_write_failed` where the disk takes it no more */
  async close(record: string): Promise<void> {
    this.hurry();
    try {
      if (this.#state.kind === 'stopped' && this.#state.error.reason === 'log_write_failed') throw this.#state.error;
      if (this.#state.kind === 'stopped') return;
      await this.appendOwn(record);
      await this.checkpoint();
      this.#state = { kind: 'closed' };
    } finally {
      this.#schedule.cancel();
      await this.#run;
      await this.#tail.close();
    }
  }

  #add(records: readonly string[], committed: CommitEntry['committed'], failed: CommitEntry['failed'], whose: CommitEntry['whose'] = 'caller'): CommitEntry {
    this.#throwIfDone();
    const entry = this.#queue.add({ records, whose, committed, failed });
    this.tick();
    return entry;
  }

  async #wait<T>(waiters: Waiters<T>): Promise<T> {
    this.#throwIfDone();
    const happened = waiters.add();
    this.tick();
    return happened;
  }

  #throwIfDone(): void {
    if (this.#state.kind === 'stopped') throw this.#state.error;
    if (this.#state.kind === 'closed') throw logClosed();
  }

  async #work(): Promise<void> {
    // Callers whose records were acknowledged come back within this turn: all of them share the next commit.
    for (await turnEnd(); this.#state.kind === 'open' || this.#state.kind === 'failing'; await turnEnd()) {
      try {
        if (this.#rotationIsDue()) await this.#beginSegment();
        else if (!this.#queue.isEmpty || this.#checkpointIsDue() || this.#tail.hasOwnRecords) await this.#commit();
        else break;
        this.#succeeded();
      } catch (error) {
        await this.#failed(error);
      }
    }
    // In the same turn as the last look at the queue: whoever adds to it later starts anew.
    this.#run = undefined;
  }

  #rotationIsDue(): boolean {
    const { segment } = this.#tail;
    if (segment === undefined || !this.#rotationWaiters.isEmpty) return true;
    const { clock, rotation } = this.#context;
    return this.#hasEvents && rotation.isDue(clock.now(), segment.openedAt, segment.bytes, this.#queue.nextBytes);
  }

  #checkpointIsDue(): boolean {
    if (this.#tail.hasOwnRecords) return false;
    return this.#schedule.isDue(this.#tail.size - this.#tail.checkpointSize) || !this.#checkpointWaiters.isEmpty;
  }

  async #beginSegment(): Promise<void> {
    const checkpoint = await this.#tail.beginSegment();
    this.#hasEvents = false;
    this.#signed(checkpoint);
    this.#rotationWaiters.resolve();
    this.#context.onSegment();
  }

  async #commit(): Promise<void> {
    const withCheckpoint = this.#checkpointIsDue();
    const entries = this.#queue.take(this.#context.rotation.roomFor(this.#tail.segment?.bytes ?? 0));
    const records: string[] = [];
    let recordBytes = 0;
    for (const entry of entries) {
      for (const record of entry.records) records.push(record);
      recordBytes += entry.bytes;
    }
    const { first, checkpoint } = await this.#tail.commit(records, recordBytes, withCheckpoint);
    this.#queue.settle();
    let index = first;
    for (const entry of entries) {
      this.#hasEvents ||= entry.whose === 'caller';
      entry.committed({ first: index });
      index += entry.records.length;
    }
    if (checkpoint !== undefined) this.#signed(checkpoint);
    if (this.#tail.size > this.#tail.checkpointSize) this.#schedule.arm();
  }

  #signed(checkpoint: SignedCheckpoint): void {
    this.#schedule.restart();
    // A boundary may come before what was acknowledged and must be written again.
    if (!this.#tail.hasOwnRecords) this.#checkpointWaiters.resolve(checkpoint);
    this.#context.onCheckpoint(checkpoint);
  }

  #succeeded(): void {
    if (this.#state.kind === 'failing') {
      this.#context.logger.warn('the audit log is written again', { failedMs: this.#context.clock.now() - this.#state.since });
      this.#state = { kind: 'open' };
    }
    this.#retry.reset();
  }

  async #failed(cause: unknown): Promise<void> {
    this.#queue.putBack();
    const [error, abandoned, tries] = [MeshError.from(cause), this.#tail.abandonSegment(), this.#retry.failed()];
    if (error.reason !== 'log_write_failed' || (this.#closing && tries > TRIES_AT_CLOSE)) {
      this.#stop(error);
      return;
    }
    if (this.#state.kind === 'open') {
      this.#state = { kind: 'failing', since: this.#context.clock.now(), error };
      this.#context.logger.error('the audit log cannot be written: what is not acknowledged waits', { error: error.message });
    }
    if (this.#closing) return;
    if (this.#retry.failingMs >= this.#context.patienceMs) this.#giveBack(error);
    // A new file may well be taken by the disk that failed the old one.
    if (!abandoned || tries > 1) await this.#retry.wait();
  }

  #stop(error: MeshError): void {
    this.#state = { kind: 'stopped', error };
    this.#context.logger.error('the audit log has stopped', { error: error.message });
    this.#schedule.cancel();
    this.#giveBack(error);
  }

  /** All who wait are told. */
  #giveBack(error: MeshError): void {
    this.#queue.failAll(error);
    this.#checkpointWaiters.reject(error);
    this.#rotationWaiters.reject(error);
  }
}
