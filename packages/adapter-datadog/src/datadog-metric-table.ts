import type { AuditLaneStats, CallMetrics, CircuitBreakerState, HistogramSnapshot, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';

interface Definition<Type extends string, Value> {
  readonly name: string;
  /** `count`: what a snapshot has is counted since the mesh was made. `durations`: is sent as gauges, {@link DURATION_GAUGES}, of what came since they were sent last. */
  readonly type: Type;
  readonly unit?: 'second' | 'byte';
  readonly help: string;
  /** Keys of the tags whose values `read` gives; one that is empty is left out. */
  readonly tags: readonly string[];
  readonly read: (snapshot: MetricsSnapshot, take: (tags: readonly string[], value: Value) => void) => void;
}

/** One metric, as it is read from a snapshot. */
export type MetricDefinition = Definition<'count' | 'gauge', number> | Definition<'durations', HistogramSnapshot>;

/** What of `durations` is sent, behind a dot. */
export const DURATION_GAUGES = ['avg', 'p50', 'p95', 'p99'] as const;

type Value = number | undefined;
type More = { readonly unit: 'second' | 'byte' };

const single = (type: 'count' | 'gauge') => (name: string, help: string, valueOf: (snapshot: MetricsSnapshot) => Value, more?: More): MetricDefinition => ({
  name, type, help, tags: [], ...more,
  read: (snapshot, take) => {
    const value = valueOf(snapshot);
    if (value !== undefined) take([], value);
  },
});
const count = single('count');
const gauge = single('gauge');

const ofCalls = (name: string, help: string, valueOf: (call: CallMetrics) => number, more?: More): MetricDefinition => ({
  name, type: 'count', help, tags: ['direction', 'peer', 'method'], ...more,
  read: ({ calls }, take) => {
    for (const call of calls) take([call.direction, call.peer, call.method], valueOf(call));
  },
});

const durationsBy = (name: string, key: 'peer' | 'method', help: string): MetricDefinition => ({
  name, type: 'durations', unit: 'second', help, tags: ['direction', key],
  read: ({ calls }, take) => {
    const sums = new Map<string, { readonly tags: readonly string[]; histogram: HistogramSnapshot }>();
    for (const call of calls) {
      const tags = [call.direction, call[key]];
      const known = sums.get(tags.join());
      if (known === undefined) sums.set(tags.join(), { tags, histogram: call.duration });
      else known.histogram = together(known.histogram, call.duration);
    }
    for (const { tags, histogram } of sums.values()) take(tags, histogram);
  },
});

/** Both as one: all histograms of a mesh have the same bounds. */
export const together = (one: HistogramSnapshot, other: HistogramSnapshot): HistogramSnapshot =>
  ({ bounds: one.bounds, counts: one.counts.map((amount, bucket) => amount + (other.counts[bucket] ?? 0)), sum: one.sum + other.sum, count: one.count + other.count });

const lane = (type: 'count' | 'gauge') => (name: string, help: string, valueOf: (lane: AuditLaneStats, now: number) => Value, more?: More): MetricDefinition => ({
  name, type, help, tags: ['adapter'], ...more,
  read: ({ stats, timestamp }, take) => {
    for (const each of stats.audit?.adapters ?? []) {
      const value = valueOf(each, timestamp);
      if (value !== undefined) take([each.adapter], value);
    }
  },
});
const laneCount = lane('count');
const laneGauge = lane('gauge');

const endedOf = ({ duration }: CallMetrics): number => duration.count;
const seconds = (ms: Value): Value => (ms === undefined ? undefined : ms / 1_000);
const STATES: Readonly<Record<CircuitBreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };
const SECOND: More = { unit: 'second' };
const BYTE: More = { unit: 'byte' };

/** Every metric. Those that there may be many of come last: they are what is left out where it is too many. No value is a date: Datadog wants none (custom metrics: 32 bits). */
export const METRICS: readonly MetricDefinition[] = [
  {
    name: 'mesh.sessions', type: 'gauge', help: 'Live authenticated sessions, by who dialled.', tags: ['direction'],
    read: ({ sessions }, take) => {
      take(['inbound'], sessions.inbound);
      take(['outbound'], sessions.outbound);
    },
  },
  gauge('mesh.connected_services', 'Distinct services with a live authenticated session.', ({ stats }) => stats.connectedServices.length),
  {
    name: 'mesh.calls.in_flight', type: 'gauge', help: 'Calls that have begun and not ended.', tags: ['direction'],
    read: ({ calls }, take) => {
      for (const direction of ['inbound', 'outbound'] as const) {
        take([direction], calls.reduce((sum, call) => (call.direction === direction ? sum + call.started - endedOf(call) : sum), 0));
      }
    },
  },
  {
    name: 'mesh.handshakes', type: 'count', help: 'Connections that became a session (`outcome:ok`), or why they did not.', tags: ['outcome', 'reason'],
    read: ({ handshakes }, take) => {
      for (const [reason, amount] of Object.entries(handshakes)) take(reason === 'ok' ? ['ok', ''] : ['failed', reason], amount);
    },
  },
  count('mesh.bytes.sent', 'Bytes of records sent, sealed.', ({ bytes }) => bytes.sent, BYTE),
  count('mesh.bytes.received', 'Bytes of records received, sealed.', ({ bytes }) => bytes.received, BYTE),
  {
    name: 'mesh.rekeys', type: 'count', help: 'Changes of the keys of sessions that both ends have completed, by what brought them about.', tags: ['trigger'],
    read: ({ rekeysByTrigger }, take) => {
      for (const [trigger, amount] of Object.entries(rekeysByTrigger)) take([trigger], amount);
    },
  },
  count('mesh.rekey.failures', 'Sessions whose keys could not be changed any more, and that were replaced for it.', ({ rekeysFailed }) => rekeysFailed),
  gauge('mesh.session_key.age', 'Age of the oldest key of a live session; 0 without sessions.', ({ keys }) => seconds(keys.oldestSessionKeyMs), SECOND),
  gauge('mesh.static_key.age', 'Age of the static key of handshakes.', ({ keys }) => seconds(keys.staticKey?.ageMs), SECOND),
  gauge('mesh.static_key.rotation_interval', 'Age at which the static key is rotated; absent where it is not by itself.', ({ keys }) => seconds(keys.staticKey?.intervalMs), SECOND),
  gauge('mesh.static_key.overdue', '1: the static key should have been rotated and was not.', ({ keys }) => (keys.staticKey === undefined ? undefined : Number(keys.staticKey.overdue))),
  gauge('mesh.certificate.time_left', 'Until the own certificate ends; below 0 once it has.', ({ certificate, timestamp }) => seconds(certificate && certificate.notAfter - timestamp), SECOND),
  count('mesh.authorization.denied', 'Calls in that were denied to their peer, those included that only an audit of the rules let through.', ({ authorizationDenied }) => authorizationDenied),
  count('mesh.rate_limited', 'Calls in that were refused because their peer calls too often.', ({ rateLimited }) => rateLimited),
  count('mesh.overloaded', 'Calls in that were refused because as many ran and waited as may.', ({ overloaded }) => overloaded),
  count('mesh.retries', 'Attempts of calls out after their first one; nothing else counts them.', ({ retries }) => retries),
  count('mesh.audit.events', 'Audit events recorded by this process.', ({ stats }) => stats.audit?.emitted),
  laneCount('mesh.audit.delivered', 'Audit events that the adapter has taken.', ({ delivered }) => delivered),
  laneCount('mesh.audit.filtered', 'Audit events that were not for the adapter.', ({ filtered }) => filtered),
  laneCount('mesh.audit.dropped', 'Audit events that the adapter will never get: lost.', ({ dropped }) => dropped),
  laneCount('mesh.audit.dead_lettered', 'Audit events that the adapter refused for good.', ({ deadLettered }) => deadLettered),
  laneCount('mesh.audit.failures', 'Deliveries to the adapter that failed.', ({ failures }) => failures),
  laneGauge('mesh.audit.queue.events', 'Audit events that wait in memory for the adapter.', ({ queued }) => queued),
  laneGauge('mesh.audit.queue.fill', 'How full the queue in memory is, 0 to 1.', ({ queueFill }) => queueFill),
  laneGauge('mesh.audit.queue.oldest', 'For how long the oldest of them has waited; 0 if none does.', ({ oldestQueuedMs }) => oldestQueuedMs / 1_000, SECOND),
  laneGauge('mesh.audit.spill.events', 'Audit events that wait on disk for the adapter.', ({ spilled }) => spilled),
  laneGauge('mesh.audit.spill.bytes', 'Bytes that they take.', ({ spillBytes }) => spillBytes, BYTE),
  laneGauge('mesh.audit.failing', '1: the last delivery failed, and the adapter has taken nothing since.', ({ failing }) => Number(failing)),
  laneGauge('mesh.audit.full', '1: there is no room for more events.', ({ full }) => Number(full)),
  laneGauge('mesh.audit.since_success', 'For how long the adapter has taken no event; absent if it never has.', ({ lastSuccessAt }, now) => (lastSuccessAt === 0 ? undefined : Math.max(0, now - lastSuccessAt) / 1_000), SECOND),
  gauge('mesh.event_loop.delay.mean', 'How late the event loop of the process was: the mean of the last 30 to 60 s.', ({ eventLoop }) => seconds(eventLoop?.meanMs), SECOND),
  gauge('mesh.event_loop.delay.p99', 'The same: one look in a hundred was later.', ({ eventLoop }) => seconds(eventLoop?.p99Ms), SECOND),
  gauge('mesh.event_loop.delay.max', 'The same: the worst.', ({ eventLoop }) => seconds(eventLoop?.maxMs), SECOND),
  gauge('mesh.event_loop.utilization', 'Share of the last 30 to 60 s in which the event loop was at work, 0 to 1.', ({ eventLoop }) => eventLoop?.utilization),
  {
    name: 'mesh.circuit.state', type: 'gauge', help: 'Circuit breakers of the instances that are known now: 0 closed, 1 half-open, 2 open.', tags: ['peer', 'endpoint'],
    read: ({ breakers }, take) => {
      for (const { service, endpoint, state } of breakers) take([service, endpoint], STATES[state]);
    },
  },
  durationsBy('mesh.call.duration', 'method', 'Duration of the calls that ended meanwhile, with all peers; quantiles within the width of a bucket.'),
  durationsBy('mesh.peer.duration', 'peer', 'The same by peer, of all methods.'),
  {
    name: 'mesh.calls.ended', type: 'count', help: 'Calls that have ended, by the code they ended with; `ok` is success.', tags: ['direction', 'peer', 'method', 'code'],
    read: ({ calls }, take) => {
      for (const { direction, peer, method, ended } of calls) for (const [code, amount] of Object.entries(ended)) take([direction, peer, method, code], amount);
    },
  },
  ofCalls('mesh.call.duration.sum', 'Duration of all calls that have ended. Divided by `mesh.call.duration.count` it is their mean, over whatever is summed.', ({ duration }) => duration.sum, SECOND),
  ofCalls('mesh.call.duration.count', 'Calls that have ended.', endedOf),
  ofCalls('mesh.calls.started', 'Calls that have begun.', ({ started }) => started),
];
