import { CALL_METRICS } from './call-metrics.js';
import { AUDIT_METRICS, EVENT_LOOP_METRICS, SESSION_METRICS } from './mesh-metrics.js';
import type { MetricDefinition } from './metric-definition.js';

/** Every metric there is; docs/metrics.md has them all. */
export const METRICS: readonly MetricDefinition[] = [...CALL_METRICS, ...SESSION_METRICS, ...AUDIT_METRICS, ...EVENT_LOOP_METRICS];
