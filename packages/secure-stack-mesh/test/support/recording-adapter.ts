import type { MeshAuditEvent, MonitoringAdapter } from '@lemur-bookstores/mesh-interface';

/** How long a test waits for something that must happen before it fails, in ms. */
const PATIENCE_MS = 8_000;

interface Waiter {
  readonly matches: (event: MeshAuditEvent) => boolean;
  readonly resolve: (event: MeshAuditEvent) => void;
}

/** Keeps every audit event, and tells a test as soon as the one it waits for is there. */
export class RecordingAdapter implements MonitoringAdapter {
  readonly durable: boolean;
  readonly events: MeshAuditEvent[] = [];
  readonly #waiters = new Set<Waiter>();

  /** @param durable default true: as good as a file, so that nothing is warned of */
  constructor(durable = true) {
    this.durable = durable;
  }

  logEvent(event: MeshAuditEvent): Promise<void> {
    this.events.push(event);
    for (const waiter of [...this.#waiters]) if (waiter.matches(event)) waiter.resolve(event);
    return Promise.resolve();
  }

  /** All events with that action, so far. */
  having(action: string): MeshAuditEvent[] {
    return this.events.filter(({ details }) => details.action === action);
  }

  /** The first event with that action and reason, past or to come. Rejects with what was seen instead. */
  waitFor(action: string, reason?: string): Promise<MeshAuditEvent> {
    const matches = (event: MeshAuditEvent): boolean =>
      event.details.action === action && (reason === undefined || event.details.metadata?.['reason'] === reason);
    const known = this.events.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        resolve: (event) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(event);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = this.events.map(({ details }) => `${details.action} ${details.error ?? ''}`);
        reject(new Error(`no audit event ${action} ${reason ?? ''}; seen:\n  ${seen.join('\n  ')}`));
      }, PATIENCE_MS);
      this.#waiters.add(waiter);
    });
  }
}
