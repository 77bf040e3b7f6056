export { AuditLogger } from './audit-logger.js';
export type { AuditLoggerOptions, SpillOptions } from './audit-options.js';
export { completeAuditOptions } from './complete-audit-options.js';
export type { DeadLetterListener } from './dead-letters.js';
export type { DeliveryOptions } from './delivery-contracts.js';
export type { AuditEventFilter, AuditLevel } from './event-filter.js';
export {
  AggregatingMetricsAdapter,
  type AggregatingMetricsAdapterOptions,
  type MetricsSummary,
} from './wrapping/aggregating-metrics-adapter.js';
export type { Alert, AlertCondition, AlertRule, AlertSeverity } from './wrapping/alert.js';
export type { AlertRulesAdapterOptions, AlertTarget } from './wrapping/alert-options.js';
export { AlertRulesAdapter, type AlertStats } from './wrapping/alert-rules-adapter.js';
export type { DurationSummary } from './wrapping/duration-histogram.js';
export type { MetricsGroup } from './wrapping/event-counts.js';
export { FilterAdapter } from './wrapping/filter-adapter.js';
export { SamplingAdapter, type SamplingAdapterOptions } from './wrapping/sampling-adapter.js';
export { StructuredAdapter, type StructuredTarget } from './wrapping/structured-adapter.js';
export { structuredRecord, type StructuredRecord } from './wrapping/structured-record.js';
export type { SurroundingsOptions } from './wrapping/surroundings.js';
export type { NameMaskOptions } from './name-mask.js';
export type { RedactionOptions } from './redaction.js';
export { maskedValue, type ValueMacOptions } from './value-mac.js';
