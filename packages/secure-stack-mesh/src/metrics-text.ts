import type { MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { MetricsText } from '@lemur-bookstores/mesh-health';

/** What of prom-client's registry is used: an adapter that fills one shows it as `register`. */
interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  getMetricsAsArray(): readonly unknown[];
}

/**
 * The metrics of the first adapter that has a registry with some in it, as `PrometheusAdapter` does; found at run time, so that nobody depends on prom-client. A registry
 * may stay empty: that of a `MetricsAdapter` that gives its figures to a sink.
 */
export function metricsTextOf(adapters: readonly MonitoringAdapter[]): MetricsText | undefined {
  const registries = adapters.map((adapter) => (adapter as { readonly register?: unknown }).register).filter(isRegistry);
  const found = registries.find((registry) => registry.getMetricsAsArray().length > 0) ?? registries[0];
  return found === undefined ? undefined : { contentType: found.contentType, text: () => found.metrics() };
}

const isRegistry = (value: unknown): value is MetricsRegistry => {
  if (typeof value !== 'object' || value === null) return false;
  const { contentType, metrics, getMetricsAsArray } = value as Partial<MetricsRegistry>;
  return typeof contentType === 'string' && typeof metrics === 'function' && typeof getMetricsAsArray === 'function';
};
