import { MeshError, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { Metric, Registry } from 'prom-client';
import { callTotals } from './call-totals.js';
import type { CallWindow } from './call-window.js';
import type { Reading } from './metric-definition.js';
import { METRICS } from './metric-table.js';
import { SnapshotMetric } from './snapshot-metric.js';

/** One mesh, as one adapter sees it. */
export interface MetricsSource {
  /** Its function is the mesh's own: by it two adapters of one mesh are known to be of one. */
  readonly context: { readonly metrics: () => MetricsSnapshot };
  readonly window?: CallWindow | undefined;
  /** Calls of a peer and method that have been idle for longer are left out, in ms. */
  readonly expireMs: number;
}

/** By registry and prefix: several meshes of a process share the metrics of one registry, and differ in the label `service`. */
const expositions = new WeakMap<Registry, Map<string, Exposition>>();

/** The metrics of all meshes that one registry has, under one prefix. */
export class Exposition {
  readonly #registry: Registry;
  readonly #metrics: readonly SnapshotMetric[];
  readonly #sources = new Set<MetricsSource>();
  /** What this scrape reads, for as long as it goes from metric to metric. */
  #readings: readonly Reading[] | undefined;
  #turns: Promise<void> = Promise.resolve();

  private constructor(registry: Registry, prefix: string) {
    this.#registry = registry;
    this.#metrics = METRICS.map((definition) => new SnapshotMetric(definition, prefix, () => this.#read(), () => this.#turn()));
  }

  static of(registry: Registry, prefix: string): Exposition {
    let byPrefix = expositions.get(registry);
    if (byPrefix === undefined) expositions.set(registry, (byPrefix = new Map<string, Exposition>()));
    let exposition = byPrefix.get(prefix);
    if (exposition === undefined) byPrefix.set(prefix, (exposition = new Exposition(registry, prefix)));
    return exposition;
  }

  /**
   * From here on the registry has this mesh. With the last one it loses the metrics, too.
   * @returns what ends that
   * @throws MeshError `adapter_failed` where the registry has other metrics of these names
   */
  attach(source: MetricsSource): () => void {
    if (this.#sources.size === 0) this.#register();
    this.#sources.add(source);
    return () => {
      if (this.#sources.delete(source) && this.#sources.size === 0) this.#unregister();
    };
  }

  /** One after the other: immediates that are set together run together. */
  #turn(): Promise<void> {
    return (this.#turns = this.#turns.then(() => new Promise<void>((resolve) => void setImmediate(resolve))));
  }

  #register(): void {
    const taken = this.#metrics.filter(({ name }) => this.#registry.getSingleMetric(name) !== undefined).map(({ name }) => name);
    if (taken.length > 0) throw new MeshError('adapter_failed', `the registry has other metrics of these names: ${taken.join(', ')}; give the adapter a prefix or a registry of its own`, { retryable: false });
    // The registry asks a metric for `name`, `getForPromString()` and `get()` alone.
    for (const metric of this.#metrics) this.#registry.registerMetric(metric as unknown as Metric);
  }

  #unregister(): void {
    // Whoever cleared the registry may have put others in their place.
    for (const metric of this.#metrics) if ((this.#registry.getSingleMetric(metric.name) as unknown) === metric) this.#registry.removeSingleMetric(metric.name);
  }

  /** All metrics of a scrape are asked in one go: they share one snapshot of each mesh, and fit together. */
  #read(): readonly Reading[] {
    if (this.#readings === undefined) {
      this.#readings = [...this.#meshes().values()].map((sources) => {
        const snapshot = (sources[0] as MetricsSource).context.metrics();
        const expireMs = Math.max(...sources.map((source) => source.expireMs));
        return { snapshot, calls: callTotals(snapshot.calls, expireMs), windows: sources.find(({ window }) => window !== undefined)?.window?.figures ?? [] };
      });
      queueMicrotask(() => (this.#readings = undefined));
    }
    return this.#readings;
  }

  /** Two adapters of one mesh, one of them with windows, are one mesh: nothing of it counts twice. */
  #meshes(): Map<() => MetricsSnapshot, MetricsSource[]> {
    const meshes = new Map<() => MetricsSnapshot, MetricsSource[]>();
    for (const source of this.#sources) meshes.set(source.context.metrics, [...(meshes.get(source.context.metrics) ?? []), source]);
    return meshes;
  }
}
