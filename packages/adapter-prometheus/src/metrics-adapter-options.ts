import type { MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { Registry } from 'prom-client';
import type { WindowFigures } from './call-window.js';
import { checkPrometheusOptions, PROMETHEUS_OPTIONS, throwIfAny, unknownOptions, type CompletePrometheusOptions, type PrometheusAdapterOptions } from './prometheus-adapter-options.js';

/** Takes the metrics at the end of each window. What it throws is a warning; the next window comes all the same. */
export interface MetricsSink {
  send(metrics: MetricsSnapshot, window: readonly WindowFigures[]): unknown;
}

/** `prometheus`: the registry is scraped. `pushgateway`: it is pushed to a Pushgateway. A sink, or a function like its `send`: gets the figures. */
export type MetricsDestination = 'prometheus' | 'pushgateway' | MetricsSink | MetricsSink['send'];

/** Options of a {@link MetricsAdapter}. */
export interface MetricsAdapterOptions extends PrometheusAdapterOptions {
  /** The window of the `mesh_window_*` metrics, in ms; also how often is pushed or sent. Default 60,000; 1 to 2^31-1. */
  readonly interval?: number | undefined;
  /** Default `prometheus`. */
  readonly destination?: MetricsDestination | undefined;
  /** Of the Pushgateway, with `pushgateway`: `http:` or `https:`; a user and password in it are sent as such. */
  readonly url?: string | undefined;
  /** The label `job` of what is pushed. Default `secure-stack-mesh`. */
  readonly job?: string | undefined;
  /** The label `instance` of what is pushed: each process needs its own. Default: service, host and process id. */
  readonly instance?: string | undefined;
  /** How long a push, or a `send`, may take, in ms. Default 5,000; 1 to 2^31-1. */
  readonly timeoutMs?: number | undefined;
}

/** The same with defaults, by destination. */
export interface CompleteMetricsOptions extends CompletePrometheusOptions {
  readonly interval: number;
  readonly timeoutMs: number;
  readonly target:
    | { readonly type: 'prometheus' }
    | { readonly type: 'pushgateway'; readonly url: URL; readonly job: string; readonly instance: string | undefined }
    | { readonly type: 'sink'; readonly send: MetricsSink['send'] };
}

const NAMES = [...PROMETHEUS_OPTIONS, 'interval', 'destination', 'url', 'job', 'instance', 'timeoutMs'];
const LONGEST_MS = 0x7fffffff;

/** @throws MeshError `invalid_option` that names every problem */
export function completeMetricsOptions(options: MetricsAdapterOptions): CompleteMetricsOptions {
  const problems = unknownOptions(options, NAMES);
  const given: MetricsAdapterOptions = typeof options === 'object' && options !== null ? options : {};
  const { interval = 60_000, timeoutMs = 5_000 } = given;
  const whole = (path: string, value: number): void => {
    if (!(Number.isSafeInteger(value) && value >= 1 && value <= LONGEST_MS)) problems.push(`${path}: must be a whole number from 1 to ${LONGEST_MS}`);
  };
  whole('interval', interval);
  whole('timeoutMs', timeoutMs);
  const common = checkPrometheusOptions(given, problems);
  const target = targetOf(given, problems);
  throwIfAny(problems);
  return { ...common, interval, timeoutMs, target: target as CompleteMetricsOptions['target'] };
}

function targetOf({ destination = 'prometheus', register, url, job = 'secure-stack-mesh', instance }: MetricsAdapterOptions, problems: string[]): CompleteMetricsOptions['target'] | undefined {
  if (destination === 'pushgateway') {
    // It would take it until the first call that is traced: exemplars are none of its format.
    if ((register?.contentType as string | undefined) === Registry.OPENMETRICS_CONTENT_TYPE) problems.push('register: is set to OpenMetrics, which a Pushgateway does not take; leave it out, or set it to Registry.PROMETHEUS_CONTENT_TYPE');
    if (typeof job !== 'string' || job === '') problems.push('job: must be a text');
    if (instance !== undefined && (typeof instance !== 'string' || instance === '')) problems.push('instance: must be a text');
    const address = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
    if (address === undefined || !['http:', 'https:'].includes(address.protocol)) {
      problems.push("url: must be that of a Pushgateway, as 'http://pushgateway:9091'");
      return undefined;
    }
    return { type: 'pushgateway', url: address, job, instance };
  }
  for (const [name, value] of Object.entries({ url, instance })) if (value !== undefined) problems.push(`${name}: is for destination 'pushgateway'`);
  if (destination === 'prometheus') return { type: 'prometheus' };
  if (typeof destination === 'function') return { type: 'sink', send: destination };
  if (typeof destination === 'object' && destination !== null && typeof destination.send === 'function') return { type: 'sink', send: (metrics, window) => destination.send(metrics, window) };
  problems.push("destination: must be 'prometheus', 'pushgateway', a function, or an object with a method send");
  return undefined;
}
