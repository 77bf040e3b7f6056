import { RecentIds, type Clock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { UuidV7 } from '../uuid-v7.js';

/** Events remembered as counted. A lane asks about an event again, if at all, before it has asked about so many others. */
const REMEMBERED = 2_048;

interface Tally {
  readonly count: number;
  readonly from: number;
  readonly to: number;
  /** Of the last of them. */
  readonly serviceId: string;
}

/** Counts what a sampler left out, each event once however often it is asked about, until a statement has said so. */
export class LeftOut {
  readonly #rate: number;
  readonly #counted = new RecentIds(REMEMBERED);
  #uuid: UuidV7 | undefined;
  #pending: Tally | undefined;
  #statement: { readonly id: string; readonly nowMs: number; readonly tally: Tally } | undefined;
  #total = 0;
  /** Highest sequence number that was let through, and that the inner adapter has. */
  #expected = 0;
  #delivered = 0;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Since the beginning. */
  get total(): number {
    return this.#total;
  }

  /** Whether something was left out that no statement has said yet. */
  get unsaid(): boolean {
    return this.#pending !== undefined || this.#statement !== undefined;
  }

  add({ id, sequence, serviceId }: MeshAuditEvent): void {
    if (!this.#counted.add(id)) return;
    this.#total++;
    this.#merge({ count: 1, from: sequence, to: sequence, serviceId });
  }

  letThrough({ sequence }: MeshAuditEvent): void {
    if (sequence > this.#expected) this.#expected = sequence;
  }

  delivered({ sequence }: MeshAuditEvent): void {
    if (sequence > this.#delivered) this.#delivered = sequence;
  }

  /** Whether the inner adapter has nothing yet of what is on its way to it: no statement can stand in front of that. */
  get early(): boolean {
    return this.#delivered === 0 && this.#expected > 0;
  }

  /**
   * The statement to deliver next, the same until it is {@link LeftOut.said} or {@link LeftOut.takeBack}n: tried again it keeps its id. It
   * has the sequence number of the last event it stands for, or of the last one delivered where that is higher. Where events from before it
   * are still on their way it has that of the last one delivered: what the inner adapter gets never goes back.
   */
  statement(clock: Clock): MeshAuditEvent | undefined {
    if (this.#statement === undefined && this.#pending !== undefined) {
      this.#uuid ??= new UuidV7();
      const nowMs = clock.now();
      this.#statement = { id: this.#uuid.next(nowMs), nowMs, tally: this.#pending };
      this.#pending = undefined;
    }
    if (this.#statement === undefined) return undefined;
    const { id, nowMs, tally } = this.#statement;
    const { count, from, to, serviceId } = tally;
    return Object.freeze({
      id,
      sequence: this.#delivered === 0 || this.#expected <= this.#delivered ? Math.max(to, this.#delivered) : this.#delivered,
      timestamp: new Date(nowMs),
      eventType: 'system',
      serviceId,
      details: Object.freeze({
        action: 'audit.sampled',
        success: true,
        metadata: Object.freeze({ count, fromSequence: from, toSequence: to, rate: this.#rate }),
      }),
    });
  }

  /** The inner adapter has the statement. */
  said(): void {
    this.#statement = undefined;
  }

  /** The inner adapter will never take this statement: the next one says what it said. */
  takeBack(): void {
    if (this.#statement !== undefined) this.#merge(this.#statement.tally);
    this.#statement = undefined;
  }

  #merge({ count, from, to, serviceId }: Tally): void {
    const pending = this.#pending;
    this.#pending =
      pending === undefined
        ? { count, from, to, serviceId }
        : { count: pending.count + count, from: Math.min(pending.from, from), to: Math.max(pending.to, to), serviceId };
  }
}
