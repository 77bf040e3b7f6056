import { describe, expect, it } from '@jest/globals';
import { describeAdapter } from '@lemur-bookstores/adapter-testkit';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { DatadogAdapter } from '../src/datadog-adapter.js';
import { DatadogServerOf, type HeldLog } from './support/datadog-server.js';
import { API_KEY } from './support/setting.js';

const FAULTS = { retryable: '503', permanent: '400', throttled: '429-retry-after', partial: '503' } as const;

/** Everything of the event is in the log: this is the way back. One that was cut is known by its id. */
function eventOfLog({ evt, event, mesh, duration, error, otel }: HeldLog): unknown {
  if (mesh.truncated !== undefined) return { cut: event.id };
  return {
    id: event.id, sequence: event.sequence, timestamp: event.created, eventType: evt.category, serviceId: mesh.service, targetServiceId: mesh.target,
    trace: otel && { traceId: otel.trace_id, spanId: otel.span_id },
    details: {
      action: evt.name, success: evt.outcome === 'success', duration: duration === undefined ? undefined : duration / 1e6, messageCount: mesh.count,
      error: error && (error.kind === undefined ? error.message : `${error.kind}: ${error.message}`), metadata: mesh.metadata,
    },
  };
}

describeAdapter({
  name: 'DatadogAdapter',
  runner: { describe, it },
  supports: { batches: true, metrics: true, hanging: true, failures: ['retryable', 'permanent', 'throttled'] },
  holds: (event: MeshAuditEvent) => (JSON.stringify(event).length > 500_000 ? { cut: event.id } : event),
  create: async () => {
    const server = await new DatadogServerOf({ apiKey: API_KEY }).start();
    return {
      construct: () => new DatadogAdapter({ apiKey: API_KEY, service: 'order-service', logsUrl: server.url, metricsUrl: server.url }),
      received: () => server.logs.map(eventOfLog),
      fail: ({ kind, retryAfterMs }) => server.faults.failNext(FAULTS[kind], { count: Infinity, retryAfter: retryAfterMs / 1_000 }),
      hang: () => server.faults.failNext('hang', { count: Infinity }),
      release: () => {
        server.faults.clear();
        server.release();
      },
      secrets: [API_KEY],
      dispose: async () => {
        await server.stop();
        // What Datadog would have lost without a word. Adapters that follow one another within a second have no way to know of each other's points.
        expect(Object.entries(server.losses).filter(([what, count]) => count > 0 && what !== 'overwritten')).toEqual([]);
      },
    };
  },
});
