// The complete monitoring stack: what a service of yours would have, but for the addresses, which the vendors' own are the defaults of.
import { DatadogAdapter } from '@lemur-bookstores/adapter-datadog';
import { ElasticsearchAdapter } from '@lemur-bookstores/adapter-elasticsearch';
import { AlertingAdapter } from '@lemur-bookstores/adapter-pagerduty';
import { PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { ConsoleAdapter, FileAdapter } from '@lemur-bookstores/secure-stack-mesh';
import { Registry } from 'prom-client';

/** @param index of Elasticsearch */
export function monitoringStack({ service, logs, index, elasticsearch, datadog, pagerDuty }) {
  const trail = new FileAdapter(logs, { rotation: 'daily', retention: 90 });
  const adapters = [
    // Console for development
    new ConsoleAdapter({ level: 'warn' }),
    // File for the audit trail
    trail,
    // Elasticsearch for querying
    new ElasticsearchAdapter({ node: elasticsearch.url, index }),
    // Datadog for logs and metrics
    new DatadogAdapter({ apiKey: datadog.key, service, logsUrl: datadog.logsUrl, metricsUrl: datadog.metricsUrl }),
    // PagerDuty for alerts. A burst is over after 5 minutes without another refusal: too long to watch. Longer than `auditWindowMs`, after which the trail says how many there were.
    new AlertingAdapter({ integrationKey: pagerDuty.key, url: pagerDuty.url, rules: { rateLimited: { calmMs: 2_500 } } }),
    // Metrics to scrape
    new PrometheusAdapter({ register: new Registry() }),
  ];
  return { adapters, trail };
}
