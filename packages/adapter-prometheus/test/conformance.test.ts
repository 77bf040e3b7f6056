import { describe, it } from '@jest/globals';
import { describeAdapter } from '@lemur-bookstores/adapter-testkit';
import { Registry } from 'prom-client';
import { MetricsAdapter } from '../src/metrics-adapter.js';
import { PrometheusAdapter } from '../src/prometheus-adapter.js';

for (const Adapter of [PrometheusAdapter, MetricsAdapter]) {
  describeAdapter({
    name: Adapter.name,
    runner: { describe, it },
    supports: { events: false },
    create: () => {
      const register = new Registry();
      return { construct: () => new Adapter({ register }), received: () => [] };
    },
  });
}
