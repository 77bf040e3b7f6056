import type { MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { MetricsText } from '@lemur-bookstores/mesh-health';

/** What of prom-client's registry is used: an adapter that fills one shows it as `register`. */
interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** The metrics of the first adapter that has a registry of them, as `PrometheusAdapter` does; found at run time, so that nobody depends on prom-client. */
export function metricsTextOf(adapters: readonly MonitoringAdapter[]): MetricsText | undefined {
  for (const adapter of adapters) {
    const { register } = adapter as { readonly register?: unknown };
    if (isRegistry(register)) return { contentType: register.contentType, text: () => register.metrics() };
  }
  return undefined;
}

const isRegistry = (value: unknown): value is MetricsRegistry =>
  typeof value === 'object' && value !== null && typeof (value as Partial<MetricsRegistry>).contentType === 'string' && typeof (value as Partial<MetricsRegistry>).metrics === 'function';
