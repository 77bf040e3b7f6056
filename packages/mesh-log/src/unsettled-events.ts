import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** Beyond this the oldest are forgotten, and may come to stand in the log twice. */
const MAX_EVENTS = 100_000;

/**
 * Events whose deliverer gave up while the disk had them already. Whether the log took them is known later, and what was taken and comes again must not be
 * written twice.
 */
export class UnsettledEvents {
  /** By id: whether the log took it. */
  readonly #taken = new Map<string, Promise<boolean>>();

  /** Whether there are any. */
  get some(): boolean {
    return this.#taken.size > 0;
  }

  /** @param appended resolves when the log has them, rejects when it has none of them */
  add(events: readonly MeshAuditEvent[], appended: Promise<unknown>): void {
    const taken = appended.then(
      () => true,
      () => {
        for (const { id } of events) if (this.#taken.get(id) === taken) this.#taken.delete(id);
        return false;
      },
    );
    for (const { id } of events) if (typeof id === 'string') this.#taken.set(id, taken);
    for (const id of this.#taken.keys()) {
      if (this.#taken.size <= MAX_EVENTS) break;
      this.#taken.delete(id);
    }
  }

  /** Those of the events that are still to be written: once it is known of each. */
  async missing(events: readonly MeshAuditEvent[]): Promise<readonly MeshAuditEvent[]> {
    const missing: MeshAuditEvent[] = [];
    for (const event of events) if ((await this.#taken.get(event.id)) !== true) missing.push(event);
    return missing;
  }

  /** They are acknowledged: none of them comes again. */
  settle(events: readonly MeshAuditEvent[]): void {
    for (const { id } of events) this.#taken.delete(id);
  }
}
