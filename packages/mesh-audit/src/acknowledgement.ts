import { MeshError, type Clock, type ClockTimer, type DeliveryContract } from '@lemur-bookstores/mesh-interface';

/** What a lane can do for a promise. */
export interface LaneNature {
  readonly name: string;
  /** What its adapter took survives this process and a loss of power. */
  readonly durable: boolean;
  /** What its adapter does not take is synced to its spill. */
  readonly spills: boolean;
}

/**
 * One `log()` that waits. Every lane that the event goes to says what becomes of it there, and the contract decides which of that is
 * enough (DESIGN 6): `fail-closed`: one durable adapter; `durable`: one durable adapter or a spill, else all; `best-effort`: all.
 */
export class Acknowledgement {
  /** Settles as the contract says; rejects with `audit_unavailable` for `fail-closed`, else with why the first adapter will not have the event. */
  readonly settled: Promise<void>;
  readonly #contract: DeliveryContract;
  #resolve!: () => void;
  #reject!: (failure: MeshError) => void;
  #timer: ClockTimer | undefined;
  /** Lanes that have not said yet what becomes of the event. Each is heard once: an event may be spilled first and delivered later. */
  readonly #open = new Set<LaneNature>();
  /** Those of them that can make it durable. */
  #hopes = 0;
  #failure: MeshError | undefined;
  #complete = false;

  constructor(contract: DeliveryContract) {
    this.#contract = contract;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The lane takes part. */
  expect(lane: LaneNature): void {
    this.#open.add(lane);
    if (this.#isHope(lane)) this.#hopes++;
  }

  /**
   * All lanes that take part were told.
   * @param timeoutMs how long an operation that is refused without the event waits at most, in ms: the event itself is tried on
   */
  complete(clock: Clock, timeoutMs: number): void {
    this.#complete = true;
    this.#decide();
    if (this.#contract !== 'fail-closed' || this.#hopes === 0) return;
    this.#timer = clock.setTimeout(() => this.#refuse(`no durable adapter took it within ${timeoutMs} ms`), timeoutMs);
  }

  /** The lane's adapter has it. */
  delivered(lane: LaneNature): void {
    if (lane.durable && this.#contract !== 'best-effort') this.#accept();
    else this.#close(lane);
  }

  /** The lane's spill has synced it. That satisfies nobody who must know that the trail itself has the event. */
  spilled(lane: LaneNature): void {
    if (this.#contract === 'durable') this.#accept();
    else if (this.#contract === 'best-effort') this.#close(lane);
    else this.failed(lane, new MeshError('audit_unavailable', `audit adapter ${lane.name} does not take events now: this one waits in its spill`));
  }

  /** The lane's adapter will not have it, or nobody knows when. */
  failed(lane: LaneNature, failure: MeshError): void {
    if (this.#open.has(lane)) this.#failure ??= failure;
    this.#close(lane);
  }

  #isHope({ durable, spills }: LaneNature): boolean {
    return this.#contract === 'durable' ? durable || spills : this.#contract === 'fail-closed' && durable;
  }

  #close(lane: LaneNature): void {
    if (!this.#open.delete(lane)) return;
    if (this.#isHope(lane)) this.#hopes--;
    if (this.#complete) this.#decide();
  }

  #decide(): void {
    if (this.#contract === 'fail-closed') {
      if (this.#hopes === 0) this.#refuse(this.#failure?.message ?? 'no durable adapter keeps events like it');
    } else if (this.#failure !== undefined && this.#hopes === 0) this.#reject(this.#failure);
    else if (this.#open.size === 0) this.#accept();
  }

  #accept(): void {
    this.#timer?.cancel();
    this.#resolve();
  }

  #refuse(why: string): void {
    this.#timer?.cancel();
    this.#reject(new MeshError('audit_unavailable', `a fail-closed audit event is not durable: ${why}`, this.#failure === undefined ? {} : { cause: this.#failure }));
  }
}
