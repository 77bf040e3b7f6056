import { MeshError, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** A durable sink that does what a test says, also for some actions alone. */
export class Disk implements ManagedAdapter {
  readonly name = 'disk';
  readonly durable = true;
  readonly events: MeshAuditEvent[] = [];
  #trouble: 'none' | 'full' | 'hangs' = 'none';
  #with: (action: string) => boolean = () => false;
  #release: (() => void)[] = [];

  logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.#trouble === 'none' || !this.#with(event.details.action)) {
      this.events.push(event);
      return Promise.resolve();
    }
    if (this.#trouble === 'full') return Promise.reject(new MeshError('adapter_failed', 'no space left on device', { retryable: false }));
    return new Promise((resolve) => this.#release.push(() => (this.events.push(event), resolve())));
  }

  /** From now on. @param actions which events; default: all */
  becomes(trouble: 'full' | 'hangs', ...actions: string[]): void {
    this.#trouble = trouble;
    this.#with = actions.length === 0 ? () => true : (action) => actions.includes(action);
  }

  recovers(): void {
    this.#trouble = 'none';
    for (const release of this.#release.splice(0)) release();
  }

  /** Of the events it has, in order. @param prefix of those that count */
  actions(prefix = ''): string[] {
    return this.events.map(({ details }) => details.action).filter((action) => action.startsWith(prefix));
  }
}
