import type { AuditEventInput, DeliveryContract, KeyRotationMetadata, MeshAuditEvent, OwnAuditEvent, OwnAuditSink } from '@lemur-bookstores/mesh-interface';

/** An audit sink that keeps what it is told, and takes a `log` when a test says so. */
export class FakeTrail implements OwnAuditSink {
  readonly enabled = true;
  readonly events: AuditEventInput[] = [];
  /** What `log` answers. */
  taking: () => Promise<void> = () => Promise.resolve();
  readonly #contract: DeliveryContract;

  constructor(contract: DeliveryContract = 'durable') {
    this.#contract = contract;
  }

  contractOf(): DeliveryContract {
    return this.#contract;
  }

  record(event: OwnAuditEvent): MeshAuditEvent | undefined {
    this.events.push(event);
    return undefined;
  }

  log(event: OwnAuditEvent): Promise<void> {
    return this.taking().then(() => void this.events.push(event));
  }

  get actions(): string[] {
    return this.events.map(({ details }) => details.action);
  }

  /** Of the newest event. */
  get last(): KeyRotationMetadata {
    return this.events.at(-1)?.details.metadata as unknown as KeyRotationMetadata;
  }
}
