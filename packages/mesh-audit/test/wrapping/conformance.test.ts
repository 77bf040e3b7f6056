import { describe, it } from '@jest/globals';
import { describeAdapter, type AdapterDescription, type AdapterSupport, type SinkFailure } from '@lemur-bookstores/adapter-testkit';
import { MeshError, type ManagedAdapter, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { AggregatingMetricsAdapter } from '../../src/wrapping/aggregating-metrics-adapter.js';
import { AlertRulesAdapter } from '../../src/wrapping/alert-rules-adapter.js';
import { FilterAdapter } from '../../src/wrapping/filter-adapter.js';
import { SamplingAdapter } from '../../src/wrapping/sampling-adapter.js';
import { StructuredAdapter } from '../../src/wrapping/structured-adapter.js';

const runner = { describe, it };
const SECRET = 'k3y-of-the-sink-7Qz';

/** Takes texts a turn of the event loop later; refuses or hangs where it is told to. */
class Sink {
  readonly texts: string[] = [];
  readonly #key = SECRET;
  #failure: SinkFailure | undefined;
  #hung: (() => void)[] | undefined;

  async put(texts: readonly string[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#hung !== undefined) {
      await new Promise<void>((resolve) => {
        this.#hung!.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    signal?.throwIfAborted();
    const failure = this.#failure;
    if (failure === undefined) this.texts.push(...texts);
    else throw new MeshError('adapter_failed', 'refused', { retryable: failure.kind !== 'permanent', ...(failure.kind === 'throttled' ? { retryAfterMs: failure.retryAfterMs } : {}) });
  }

  readonly received = (): unknown[] => this.texts.map((text) => JSON.parse(text) as unknown);
  readonly fail = (failure: SinkFailure): void => void (this.#failure = failure);
  readonly hang = (): void => void (this.#hung = []);
  readonly release = (): void => {
    this.#failure = undefined;
    this.#hung?.forEach((resolve) => resolve());
    this.#hung = undefined;
  };
  readonly secrets = [this.#key];
}

/** A user's adapter: just `logEvent`. */
const plain = (sink: Sink): MonitoringAdapter => ({ logEvent: (event) => sink.put([JSON.stringify(event)]) });

/** One with everything. */
const full = (sink: Sink): ManagedAdapter => {
  let closed = false;
  const put = async (events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> => {
    if (closed) throw new MeshError('adapter_failed', 'closed', { retryable: false });
    await sink.put(events.map((event) => JSON.stringify(event)), signal);
  };
  return {
    name: 'full',
    durable: true,
    accepts: (event) => event.eventType !== 'rate_limit',
    logEvent: (event) => put([event]),
    logEvents: (events, { signal }) => put(events, signal),
    logMetrics: async () => undefined,
    start: async () => undefined,
    flush: async () => undefined,
    close: async () => void (closed = true),
  };
};

const failures = ['retryable', 'permanent', 'throttled'] as const;
const PLAIN: AdapterSupport = { filters: true, hanging: true, failures };
const FULL: AdapterSupport = { ...PLAIN, batches: true, durable: true, metrics: true };

function conforms(name: string, supports: AdapterSupport, make: (sink: Sink) => MonitoringAdapter, more: Partial<AdapterDescription> = {}): void {
  const create = (): ReturnType<AdapterDescription['create']> => {
    const sink = new Sink();
    const { received, fail, hang, release, secrets } = sink;
    return { construct: () => make(sink), received, secrets, release, ...(supports.failures === undefined ? {} : { fail }), ...(supports.hanging === true ? { hang } : {}) };
  };
  describeAdapter({ name, runner, supports, create, ...more });
}

conforms('FilterAdapter', PLAIN, (sink) => new FilterAdapter(plain(sink), ({ eventType }) => eventType !== 'connection'));
conforms('FilterAdapter of types, around one with everything', FULL, (sink) => new FilterAdapter(full(sink), ['message', 'error', 'rate_limit']));
conforms('SamplingAdapter', PLAIN, (sink) => new SamplingAdapter(plain(sink), { rate: 1 }));
conforms('SamplingAdapter around one with everything', FULL, (sink) => new SamplingAdapter(full(sink), { rate: 1 }));
conforms('filter, sampler, filter', FULL, (sink) => new FilterAdapter(new SamplingAdapter(new FilterAdapter(full(sink), () => true), { rate: 1 }), ['message', 'connection']));
conforms('StructuredAdapter', { hanging: true, failures }, (sink) => new StructuredAdapter<string>((text) => sink.put([text]), (event) => JSON.stringify(event)));
conforms(
  'StructuredAdapter in a filter, with a logger',
  PLAIN,
  (sink) => new FilterAdapter(new StructuredAdapter({ log: (record) => sink.put([JSON.stringify(record)]) }), () => true),
  { holds: ({ id, eventType, serviceId, timestamp, sequence, details, targetServiceId, trace }) => ({
    '@timestamp': timestamp, level: eventType === 'error' ? 'ERROR' : 'INFO', service: serviceId, event_type: eventType, ...details, event_id: id, sequence,
    target_service: targetServiceId, trace_id: trace?.traceId, span_id: trace?.spanId,
  }) },
);
conforms('AlertRulesAdapter', { events: false, filters: true, hanging: true, failures }, (sink) => new AlertRulesAdapter({ rules: [{ name: 'all', when: () => true }], dedupMs: 0, maxPerMinute: 1_000, notify: (alert) => sink.put([JSON.stringify(alert)]) }));
conforms('AggregatingMetricsAdapter', { events: false, batches: true }, (sink) => new AggregatingMetricsAdapter({ send: (summary) => sink.put([JSON.stringify(summary)]) }));
