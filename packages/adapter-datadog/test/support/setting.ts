import { afterEach } from '@jest/globals';
import { DatadogAdapter } from '../../src/datadog-adapter.js';
import type { DatadogAdapterOptions } from '../../src/datadog-adapter-options.js';
import { DatadogServerOf, type DatadogServer, type DatadogServerOptions } from './datadog-server.js';

/** Of the form that Datadog gives them. */
export const API_KEY = '5f3c0d9e8b7a61524334251607f8e9da';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Does it when the test is over, last first. */
export const atEnd = (end: () => unknown): void => void ends.push(end);

export async function serverWith(options: Partial<DatadogServerOptions> = {}): Promise<DatadogServer> {
  const server = await new DatadogServerOf({ apiKey: API_KEY, ...options }).start();
  atEnd(() => server.stop());
  return server;
}

export function adapterFor(server: { readonly url: string }, options: Partial<DatadogAdapterOptions> = {}): DatadogAdapter {
  const adapter = new DatadogAdapter({ apiKey: API_KEY, service: 'order-service', logsUrl: server.url, metricsUrl: server.url, hostname: 'host-1', ...options });
  atEnd(() => adapter.close());
  return adapter;
}
