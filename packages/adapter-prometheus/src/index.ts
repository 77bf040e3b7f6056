export { PrometheusAdapter } from './prometheus-adapter.js';
export type { PrometheusAdapterOptions } from './prometheus-adapter-options.js';
export { MetricsAdapter } from './metrics-adapter.js';
export type { MetricsAdapterOptions, MetricsDestination, MetricsSink } from './metrics-adapter-options.js';
export type { WindowFigures } from './call-window.js';
export { METRICS } from './metric-table.js';
export type { MetricDefinition, Reading, TakeSample } from './metric-definition.js';
