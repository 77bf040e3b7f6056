import type { MetricDefinition } from './metric-definition.js';
import { QUANTILES } from './call-window.js';

/** OpenTelemetry's name for the kind of RPC. */
const SYSTEM = 'secure_stack_mesh';

const durations = (direction: 'inbound' | 'outbound', name: string, help: string): MetricDefinition => ({
  name,
  type: 'histogram',
  help,
  labels: ['rpc_system_name', 'rpc_method'],
  read: ({ calls }, take) => {
    for (const each of calls.byMethod) if (each.direction === direction) take([SYSTEM, each.name], each.duration);
  },
});

/** Calls, one by one and in the last window. */
export const CALL_METRICS: readonly MetricDefinition[] = [
  durations('inbound', 'rpc_server_call_duration_seconds', 'Duration of calls that were answered here, by method.'),
  durations('outbound', 'rpc_client_call_duration_seconds', 'Duration of calls that were made here, all attempts of a call together, by method.'),
  {
    name: 'mesh_peer_call_duration_seconds',
    type: 'histogram',
    help: 'Duration of calls by direction and peer.',
    labels: ['direction', 'peer'],
    read: ({ calls }, take) => {
      for (const { direction, name, duration } of calls.byPeer) take([direction, name], duration);
    },
  },
  {
    name: 'mesh_calls_started_total',
    type: 'counter',
    help: 'Calls that have begun. Those under way are the difference to mesh_calls_ended_total.',
    labels: ['direction', 'peer', 'rpc_method'],
    read: ({ calls }, take) => {
      for (const { direction, peer, method, started } of calls.calls) take([direction, peer, method], started);
    },
  },
  {
    name: 'mesh_calls_ended_total',
    type: 'counter',
    help: 'Calls that have ended, by the code they ended with; OK is success.',
    labels: ['direction', 'peer', 'rpc_method', 'rpc_status_code'],
    read: ({ calls }, take) => {
      for (const { direction, peer, method, ended } of calls.calls) for (const [code, count] of Object.entries(ended)) take([direction, peer, method, code], count);
    },
  },
  {
    name: 'mesh_window_calls_per_second',
    type: 'gauge',
    help: 'Calls that ended in the last whole window, a second. Only where an adapter has windows (MetricsAdapter, option interval).',
    labels: ['direction'],
    together: 'sum',
    read: ({ windows }, take) => {
      for (const { direction, callsPerSecond } of windows) take([direction], callsPerSecond);
    },
  },
  {
    name: 'mesh_window_error_ratio',
    type: 'gauge',
    help: 'Share of the calls of the last whole window that failed, 0 to 1.',
    labels: ['direction'],
    together: 'max',
    read: ({ windows }, take) => {
      for (const { direction, errorRatio } of windows) take([direction], errorRatio);
    },
  },
  {
    name: 'mesh_window_latency_seconds',
    type: 'gauge',
    help: 'Quantiles of the duration of the calls of the last whole window, within the width of a bucket.',
    labels: ['direction', 'quantile'],
    together: 'max',
    read: ({ windows }, take) => {
      for (const { direction, latency } of windows) for (const quantile of QUANTILES) take([direction, quantile], latency[quantile]);
    },
  },
];
