import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { Registry } from 'prom-client';

/** Options of a {@link PrometheusAdapter}. */
export interface PrometheusAdapterOptions {
  /** The registry of prom-client that gets the metrics. Default: prom-client's own, `register`. */
  readonly register?: Registry | undefined;
  /** Begins the name of every metric: letters, digits and `_`, no digit first. Default: nothing. */
  readonly prefix?: string | undefined;
  /** Calls of a peer and method are left out once they have been idle for so long, in ms; they go on from where they were when they come back. Default 3,600,000; at least 1. */
  readonly expireMs?: number | undefined;
}

/** The same with defaults. */
export interface CompletePrometheusOptions {
  readonly register: Registry | undefined;
  readonly prefix: string;
  readonly expireMs: number;
}

/** The names of the options. */
export const PROMETHEUS_OPTIONS = ['register', 'prefix', 'expireMs'] as const;

const PREFIX = /^([A-Za-z_][A-Za-z0-9_]{0,63})?$/;

/** @throws MeshError `invalid_option` that names every problem */
export function completePrometheusOptions(options: PrometheusAdapterOptions): CompletePrometheusOptions {
  const problems = unknownOptions(options, PROMETHEUS_OPTIONS);
  const complete = checkPrometheusOptions(typeof options === 'object' && options !== null ? options : {}, problems);
  throwIfAny(problems);
  return complete;
}

/** Adds problems. */
export function checkPrometheusOptions({ register, prefix = '', expireMs = 3_600_000 }: PrometheusAdapterOptions, problems: string[]): CompletePrometheusOptions {
  if (register !== undefined && !isRegistry(register)) problems.push('register: must be a registry of prom-client');
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) problems.push("prefix: must be letters, digits and '_', no digit first, 64 at most");
  if (!(typeof expireMs === 'number' && expireMs >= 1)) problems.push('expireMs: must be at least 1');
  return { register, prefix, expireMs };
}

export function unknownOptions(options: unknown, names: readonly string[]): string[] {
  if (typeof options !== 'object' || options === null) return ['options: must be an object'];
  return Object.keys(options).filter((name) => !names.includes(name)).map((name) => `${name}: there is no such option; there are ${names.join(', ')}`);
}

export function throwIfAny(problems: readonly string[]): void {
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
}

const isRegistry = (value: Partial<Registry> | null): boolean => typeof value?.registerMetric === 'function' && typeof value.metrics === 'function';
