import type { AdapterContext } from '@lemur-bookstores/mesh-interface';
import { AdapterLifecycle } from './adapter-lifecycle.js';
import type { AuditSettings } from './audit-options.js';
import { laneNames } from './lane-names.js';

/** The adapters that read metrics and take no events: started and closed, no more. */
export class MetricsReaders {
  readonly #lifecycles: readonly AdapterLifecycle[];

  constructor(settings: AuditSettings) {
    const { readers, clock, logger } = settings;
    const names = laneNames(readers);
    this.#lifecycles = readers.map((adapter, index) => new AdapterLifecycle(names[index]!, adapter, clock, logger, settings));
  }

  /** Trouble is a warning: never rejects. */
  async start(context: AdapterContext): Promise<void> {
    await Promise.all(this.#lifecycles.map((lifecycle) => lifecycle.start(context)));
  }

  async flush(): Promise<void> {
    await Promise.all(this.#lifecycles.map((lifecycle) => lifecycle.flush()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#lifecycles.map((lifecycle) => lifecycle.close()));
  }
}
