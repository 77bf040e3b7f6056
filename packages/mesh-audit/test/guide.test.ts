/* eslint-disable @typescript-eslint/no-unsafe-declaration-merging -- the guide's classes use members that they leave to the reader */
// The user guide's adapters, word for word: what a user writes after reading it must work here.
import { describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import { message, RecordingAdapter } from './support.js';

const sent: Record<string, unknown>[] = [];
const client = (payload: Record<string, unknown>): Promise<void> => Promise.resolve(void sent.push(payload));
const datadogClient = { log: client };
const logger = { log: client };
const pagerDuty = { trigger: client };
const metricsService = { send: (aggregated: unknown): Promise<void> => client({ aggregated }) };
const ticks: (() => void)[] = [];
const setInterval = (callback: () => void, _ms: number): number => ticks.push(callback);

class DatadogAdapter implements MonitoringAdapter {
  async logEvent(event: MeshAuditEvent): Promise<void> {
    // Send to Datadog
    await datadogClient.log({
      service: event.serviceId,
      message: event.details.action,
      level: event.eventType === 'error' ? 'error' : 'info',
      timestamp: event.timestamp,
      tags: [`event_type:${event.eventType}`]
    });
  }
}

// Use structured logging for better querying
class StructuredAdapter implements MonitoringAdapter {
  async logEvent(event: MeshAuditEvent): Promise<void> {
    const structured = {
      '@timestamp': event.timestamp,
      level: event.eventType === 'error' ? 'ERROR' : 'INFO',
      service: event.serviceId,
      event_type: event.eventType,
      ...event.details
    };
    
    await logger.log(structured);
  }
}

interface SamplingAdapter {
  baseAdapter: MonitoringAdapter;
}

// Sample events to reduce log volume
class SamplingAdapter implements MonitoringAdapter {
  private sampleRate = 0.1;  // Log 10% of events
  
  async logEvent(event: MeshAuditEvent): Promise<void> {
    if (Math.random() < this.sampleRate || event.eventType === 'error') {
      // Always log errors, sample others
      await this.baseAdapter.logEvent(event);
    }
  }
}

class AlertingAdapter implements MonitoringAdapter {
  async logEvent(event: MeshAuditEvent): Promise<void> {
    // Alert on critical events
    if (event.eventType === 'error' || 
        event.eventType === 'circuit_breaker' ||
        event.eventType === 'rate_limit') {
      await pagerDuty.trigger({
        severity: 'warning',
        summary: `${event.eventType} in ${event.serviceId}`,
        details: event.details
      });
    }
  }
}

interface AggregatingMetricsAdapter {
  aggregate(events: MeshAuditEvent[]): unknown;
}

// Aggregate metrics before sending to monitoring system
class AggregatingMetricsAdapter implements MonitoringAdapter {
  private buffer: MeshAuditEvent[] = [];
  
  constructor() {
    setInterval(() => this.flush(), 60000);  // Flush every minute
  }
  
  async logEvent(event: MeshAuditEvent): Promise<void> {
    this.buffer.push(event);
  }
  
  private async flush(): Promise<void> {
    const aggregated = this.aggregate(this.buffer);
    await metricsService.send(aggregated);
    this.buffer = [];
  }
}

async function drive(adapter: MonitoringAdapter, times = 1): Promise<AuditLogger> {
  sent.length = 0;
  const audit = new AuditLogger({ adapters: [adapter], serviceId: 'my-service', clock: new FakeClock(0), logger: silentLogger });
  for (let index = 0; index < times; index++) audit.record(message());
  audit.record({ eventType: 'error', details: { action: 'handler.failed', success: false, error: 'handler_failed: no', duration: 7 } });
  await audit.close();
  return audit;
}

describe('the guide\'s adapters', () => {
  test('custom adapter (Datadog)', async () => {
    await drive(new DatadogAdapter());
    expect(sent).toEqual([
      { service: 'my-service', message: 'message.sent', level: 'info', timestamp: new Date(0), tags: ['event_type:message'] },
      { service: 'my-service', message: 'handler.failed', level: 'error', timestamp: new Date(0), tags: ['event_type:error'] },
    ]);
  });

  test('structured logging', async () => {
    await drive(new StructuredAdapter());
    expect(sent[1]).toEqual({
      '@timestamp': new Date(0), level: 'ERROR', service: 'my-service', event_type: 'error',
      action: 'handler.failed', success: false, error: 'handler_failed: no', duration: 7,
    });
  });

  test('sampling', async () => {
    const base = new RecordingAdapter('base');
    const sampling = new SamplingAdapter();
    sampling.baseAdapter = base;
    const audit = await drive(sampling, 4_000);
    expect(audit.stats().adapters[0]).toMatchObject({ adapter: 'SamplingAdapter', delivered: 4_001 });
    expect(base.events.at(-1)!.eventType).toBe('error');
    // 400 expected, standard deviation 19: beyond 200 and 600 once in 10^25 runs.
    expect(base.events.length).toBeGreaterThan(200);
    expect(base.events.length).toBeLessThan(600);
  });

  test('alerting', async () => {
    await drive(new AlertingAdapter(), 3);
    expect(sent).toEqual([{ severity: 'warning', summary: 'error in my-service', details: expect.objectContaining({ action: 'handler.failed' }) }]);
  });

  test('metrics aggregation; its private flush() is found at run time, as any adapter\'s', async () => {
    const aggregating = new AggregatingMetricsAdapter();
    aggregating.aggregate = (events) => events.length;
    const audit = new AuditLogger({ adapters: [aggregating], clock: new FakeClock(0), logger: silentLogger });
    sent.length = 0;
    for (let index = 0; index < 3; index++) audit.record(message());
    await audit.flush();
    ticks.forEach((tick) => tick());
    await Promise.resolve();
    expect(sent).toEqual([{ aggregated: 3 }, { aggregated: 0 }]);
    await audit.close();
  });
});
