import type { AuditLaneStats, CircuitBreakerState, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { MetricDefinition } from './metric-definition.js';

const counter = (name: string, help: string, valueOf: (snapshot: MetricsSnapshot) => number): MetricDefinition =>
  ({ name, type: 'counter', help, labels: [], read: ({ snapshot }, take) => take([], valueOf(snapshot)) });

/** @param valueOf `undefined`: there is nothing to tell */
const gauge = (name: string, help: string, together: 'sum' | 'max' | 'min', valueOf: (snapshot: MetricsSnapshot) => number | undefined): MetricDefinition => ({
  name, type: 'gauge', help, labels: [], together,
  read: ({ snapshot }, take) => {
    const value = valueOf(snapshot);
    if (value !== undefined) take([], value);
  },
});

const laneCounter = (name: string, help: string, valueOf: (lane: AuditLaneStats) => number): MetricDefinition => ({
  name, type: 'counter', help, labels: ['adapter'],
  read: ({ snapshot }, take) => {
    for (const lane of snapshot.stats.audit?.adapters ?? []) take([lane.adapter], valueOf(lane));
  },
});

const laneGauge = (name: string, help: string, together: 'sum' | 'max' | 'min', valueOf: (lane: AuditLaneStats) => number): MetricDefinition =>
  ({ ...laneCounter(name, help, valueOf), type: 'gauge', together }) as MetricDefinition;

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1_000);

const BREAKER_STATES: Readonly<Record<CircuitBreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Sessions, their keys, and what keeps calls away. */
export const SESSION_METRICS: readonly MetricDefinition[] = [
  {
    name: 'mesh_sessions', type: 'gauge', help: 'Live authenticated sessions, by who dialled.', labels: ['direction'], together: 'sum',
    read: ({ snapshot: { sessions } }, take) => {
      take(['inbound'], sessions.inbound);
      take(['outbound'], sessions.outbound);
    },
  },
  gauge('mesh_connected_services', 'Distinct services with a live authenticated session.', 'max', ({ stats }) => stats.connectedServices.length),
  {
    name: 'mesh_handshakes_total', type: 'counter', help: 'Connections that became a session, or why they did not.', labels: ['outcome', 'reason'],
    read: ({ snapshot }, take) => {
      const { ok = 0, ...failed } = snapshot.handshakes;
      take(['ok', ''], ok);
      for (const [reason, count] of Object.entries(failed)) take(['failed', reason], count);
    },
  },
  counter('mesh_sent_bytes_total', 'Bytes of records sent, sealed.', ({ bytes }) => bytes.sent),
  counter('mesh_received_bytes_total', 'Bytes of records received, sealed.', ({ bytes }) => bytes.received),
  {
    name: 'mesh_rekeys_total', type: 'counter', help: 'Changes of the keys of sessions that both ends have completed, by what brought them about.', labels: ['trigger'],
    read: ({ snapshot }, take) => {
      for (const [trigger, count] of Object.entries(snapshot.rekeysByTrigger)) take([trigger], count);
    },
  },
  counter('mesh_rekey_failures_total', 'Sessions whose keys could not be changed any more, and that were replaced for it.', ({ rekeysFailed }) => rekeysFailed),
  gauge('mesh_session_key_age_seconds', 'Age of the oldest key of a live session; 0 without sessions.', 'max', ({ keys }) => seconds(keys.oldestSessionKeyMs)),
  gauge('mesh_static_key_age_seconds', 'Age of the static key of handshakes.', 'max', ({ keys }) => seconds(keys.staticKey?.ageMs)),
  gauge('mesh_static_key_rotation_interval_seconds', 'Age at which the static key is rotated; absent where it is not by itself.', 'min', ({ keys }) => seconds(keys.staticKey?.intervalMs)),
  gauge('mesh_static_key_overdue', '1: the static key should have been rotated and was not.', 'max', ({ keys }) => (keys.staticKey === undefined ? undefined : Number(keys.staticKey.overdue))),
  gauge('mesh_certificate_expiration_timestamp_seconds', 'End of the validity of the own certificate, in seconds since 1970.', 'min', ({ certificate }) => seconds(certificate?.notAfter)),
  counter('mesh_authorization_denied_total', 'Calls in that were denied to their peer, those included that only an audit of the rules let through.', ({ authorizationDenied }) => authorizationDenied),
  counter('mesh_rate_limited_total', 'Calls in that were refused because their peer calls too often.', ({ rateLimited }) => rateLimited),
  counter('mesh_overloaded_total', 'Calls in that were refused because as many ran and waited as may.', ({ overloaded }) => overloaded),
  counter('mesh_retries_total', 'Attempts of calls out after their first one; nothing else counts them.', ({ retries }) => retries),
  {
    name: 'mesh_circuit_state', type: 'gauge', help: 'Circuit breakers of the instances that are known now: 0 closed, 1 half-open, 2 open.', labels: ['peer', 'endpoint'], together: 'max',
    read: ({ snapshot: { breakers } }, take) => {
      for (const { service, endpoint, state } of breakers) take([service, endpoint], BREAKER_STATES[state]);
    },
  },
];

/** What became of audit events, by adapter. */
export const AUDIT_METRICS: readonly MetricDefinition[] = [
  counter('mesh_audit_events_total', 'Audit events recorded by this process.', ({ stats }) => stats.audit?.emitted ?? 0),
  laneCounter('mesh_audit_delivered_total', 'Audit events that the adapter has taken.', ({ delivered }) => delivered),
  laneCounter('mesh_audit_filtered_total', 'Audit events that were not for the adapter.', ({ filtered }) => filtered),
  laneCounter('mesh_audit_dropped_total', 'Audit events that the adapter will never get: lost.', ({ dropped }) => dropped),
  laneCounter('mesh_audit_dead_lettered_total', 'Audit events that the adapter refused for good.', ({ deadLettered }) => deadLettered),
  laneCounter('mesh_audit_failures_total', 'Deliveries to the adapter that failed.', ({ failures }) => failures),
  laneGauge('mesh_audit_queue_events', 'Audit events that wait in memory for the adapter.', 'sum', ({ queued }) => queued),
  laneGauge('mesh_audit_queue_fill_ratio', 'How full the queue in memory is, 0 to 1.', 'max', ({ queueFill }) => queueFill),
  laneGauge('mesh_audit_oldest_queued_seconds', 'For how long the oldest of them has waited; 0 if none does.', 'max', ({ oldestQueuedMs }) => oldestQueuedMs / 1_000),
  laneGauge('mesh_audit_spilled_events', 'Audit events that wait on disk for the adapter.', 'sum', ({ spilled }) => spilled),
  laneGauge('mesh_audit_spill_bytes', 'Bytes that they take.', 'sum', ({ spillBytes }) => spillBytes),
  laneGauge('mesh_audit_failing', '1: the last delivery failed, and the adapter has taken nothing since.', 'max', ({ failing }) => Number(failing)),
  laneGauge('mesh_audit_full', '1: there is no room for more events.', 'max', ({ full }) => Number(full)),
  laneGauge('mesh_audit_last_success_timestamp_seconds', 'When the adapter last took an event, in seconds since 1970; 0 if never.', 'min', ({ lastSuccessAt }) => lastSuccessAt / 1_000),
];

/** Of the process, by OpenTelemetry's names; prom-client's own are `nodejs_eventloop_lag_*`. */
export const EVENT_LOOP_METRICS: readonly MetricDefinition[] = [
  gauge('nodejs_eventloop_delay_mean_seconds', 'How late the event loop of the process was: the mean of the last 30 to 60 s.', 'max', ({ eventLoop }) => seconds(eventLoop?.meanMs)),
  gauge('nodejs_eventloop_delay_p99_seconds', 'The same: one look in a hundred was later.', 'max', ({ eventLoop }) => seconds(eventLoop?.p99Ms)),
  gauge('nodejs_eventloop_delay_max_seconds', 'The same: the worst.', 'max', ({ eventLoop }) => seconds(eventLoop?.maxMs)),
  gauge('nodejs_eventloop_utilization_ratio', 'Share of the last 30 to 60 s in which the event loop was at work, 0 to 1.', 'max', ({ eventLoop }) => eventLoop?.utilization),
];
