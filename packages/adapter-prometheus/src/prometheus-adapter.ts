import type { AdapterContext, ManagedAdapter, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { register as defaultRegistry, type Registry } from 'prom-client';
import { Exposition } from './exposition.js';
import { ignoreEvent } from './ignore-event.js';
import { completePrometheusOptions, type PrometheusAdapterOptions } from './prometheus-adapter-options.js';

/**
 * Puts the metrics of a mesh into a registry of prom-client. They are read when the registry is asked for its metrics; a call costs nothing. It takes no events.
 */
export class PrometheusAdapter implements ManagedAdapter {
  readonly name = 'prometheus';
  readonly metricsOnly = true;
  /** The registry that has the metrics, from `mesh.initialize()` to the mesh's end. */
  readonly register: Registry;
  readonly #prefix: string;
  readonly #expireMs: number;
  #detach: (() => void) | undefined;
  #closed = false;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: PrometheusAdapterOptions = {}) {
    const { register, prefix, expireMs } = completePrometheusOptions(options);
    this.register = register ?? defaultRegistry;
    this.#prefix = prefix;
    this.#expireMs = expireMs;
  }

  /** Does nothing: no mesh calls it. @throws MeshError `adapter_failed` for what is no event, and once the adapter is closed */
  // eslint-disable-next-line @typescript-eslint/require-await -- so that what it throws is a rejection
  async logEvent(event: MeshAuditEvent): Promise<void> {
    ignoreEvent(this.name, event, this.#closed);
  }

  /** @throws MeshError `adapter_failed` where the registry has other metrics of the same names */
  // eslint-disable-next-line @typescript-eslint/require-await -- as above
  async start(context: AdapterContext): Promise<void> {
    if (this.#closed || this.#detach !== undefined) return;
    this.#detach = Exposition.of(this.register, this.#prefix).attach({ context, expireMs: this.#expireMs });
  }

  /** Takes the mesh out of the registry. Safe to call twice. */
  close(): Promise<void> {
    this.#closed = true;
    this.#detach?.();
    this.#detach = undefined;
    return Promise.resolve();
  }
}
