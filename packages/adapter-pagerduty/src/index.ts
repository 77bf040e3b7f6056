export { AlertingAdapter, AlertingAdapter as PagerDutyAdapter } from './alerting-adapter.js';
export {
  ALERTING_RULES,
  PAGER_SEVERITIES,
  type AlertingAdapterOptions,
  type AlertingAdapterOptions as PagerDutyAdapterOptions,
  type AlertingRule,
  type AlertingRuleOptions,
  type PagerSeverity,
} from './alerting-options.js';
export type { PagerAlert } from './pager-alert.js';
export { VERSION } from './version.js';
