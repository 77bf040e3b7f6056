export { DatadogAdapter } from './datadog-adapter.js';
export { DATADOG_SITES, type DatadogAdapterOptions, type DatadogSite } from './datadog-adapter-options.js';
export { METRICS, type MetricDefinition } from './datadog-metric-table.js';
export { datadogLog, type DatadogLog, type LogOrigin } from './datadog-log.js';
export { VERSION } from './version.js';
