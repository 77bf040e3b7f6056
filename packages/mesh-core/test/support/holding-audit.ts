import { DEFAULT_DELIVERY, MeshError, type AuditEventInput, type AuditEventType, type AuditSink, type DeliveryContract } from '@lemur-bookstores/mesh-interface';
import { turns } from './wire.js';

interface Waiting {
  readonly action: string;
  readonly hold: () => void;
  readonly refuse: (error: Error) => void;
}

/** A trail whose `fail-closed` events are held, refused, or neither, as a test says. */
export class HoldingAudit implements AuditSink {
  readonly enabled = true;
  /** Recorded, or handed over to be held: in order. */
  readonly said: string[] = [];
  readonly events: AuditEventInput[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #failClosed: ReadonlySet<AuditEventType>;
  /** Holds all but these actions at once. */
  readonly #stops: ReadonlySet<string>;

  constructor(failClosed: readonly AuditEventType[], stopsAt: readonly string[]) {
    this.#failClosed = new Set(failClosed);
    this.#stops = new Set(stopsAt);
  }

  contractOf(eventType: AuditEventType): DeliveryContract {
    return this.#failClosed.has(eventType) ? 'fail-closed' : DEFAULT_DELIVERY[eventType];
  }

  record(event: AuditEventInput): undefined {
    this.events.push(event);
    this.said.push(event.details.action);
  }

  log(event: AuditEventInput): Promise<void> {
    const { action } = event.details;
    this.events.push(event);
    this.said.push(`hold ${action}`);
    if (!this.#stops.has(action)) return Promise.resolve();
    return new Promise((resolve, reject) => void this.#waiting.push({ action, hold: resolve, refuse: reject }));
  }

  /** What is waited for now. */
  get waiting(): string[] {
    return this.#waiting.map(({ action }) => action);
  }

  /** Waits until that action is waited for. */
  async reached(action: string): Promise<void> {
    for (let looks = 0; !this.waiting.includes(action); looks++) {
      if (looks > 1_000) throw new Error(`${action} is not waited for, but ${this.waiting.join() || 'nothing'}; said: ${this.said.join()}`);
      await turns();
    }
  }

  /** A durable sink has taken the oldest such event. */
  async hold(action: string): Promise<void> {
    (await this.#take(action)).hold();
    await turns(3);
  }

  /** No durable sink will. */
  async refuse(action: string): Promise<void> {
    (await this.#take(action)).refuse(new MeshError('audit_unavailable', 'the disk is full'));
    await turns(3);
  }

  /** The events with that action. */
  having(action: string): AuditEventInput[] {
    return this.events.filter(({ details }) => details.action === action);
  }

  async #take(action: string): Promise<Waiting> {
    await this.reached(action);
    const [taken] = this.#waiting.splice(this.#waiting.findIndex((waiting) => waiting.action === action), 1);
    return taken as Waiting;
  }
}
