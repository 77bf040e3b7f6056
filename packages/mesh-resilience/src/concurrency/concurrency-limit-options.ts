import { OptionCheck, refuseProblems, systemClock, type Clock } from '@lemur-bookstores/mesh-interface';

/** Options of a {@link ConcurrencyLimit}: `resilience.concurrency` of a mesh. */
export interface ConcurrencyLimitOptions {
  /** Calls that run at once: 1 or more. Default 1,000. */
  readonly limit?: number | undefined;
  /** Calls that wait for one of these places: 0 or more. Default 1,000. */
  readonly queue?: number | undefined;
  /** `inbound`: calls to the own handlers. `outbound`: calls to others. Calls of the other direction pass. Default `inbound`. */
  readonly direction?: 'inbound' | 'outbound' | undefined;
  readonly clock?: Clock | undefined;
}

/** Options with their defaults. */
export interface ConcurrencyLimitSettings {
  readonly limit: number;
  readonly queue: number;
  readonly direction: 'inbound' | 'outbound';
  readonly clock: Clock;
}

const NAMES = ['limit', 'queue', 'direction', 'clock'] as const satisfies readonly (keyof ConcurrencyLimitOptions)[];

/**
 * What is wrong with the options of a concurrency limit, each problem by its path.
 * @param path of the options themselves, e.g. `resilience.concurrency`
 */
export function concurrencyProblems(options: unknown = {}, path = 'concurrency'): string[] {
  const check = new OptionCheck(path);
  if (!check.isObject(options, NAMES)) return check.problems;
  check.whole('limit', options['limit'], 1);
  check.whole('queue', options['queue'], 0);
  check.oneOf('direction', options['direction'], ['inbound', 'outbound']);
  check.parts(options);
  return check.problems;
}

/**
 * Fills in what is not given; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem
 */
export function completeConcurrencyLimit(options: ConcurrencyLimitOptions = {}, path = 'concurrency'): ConcurrencyLimitSettings {
  refuseProblems(concurrencyProblems(options, path));
  return Object.freeze({ limit: options.limit ?? 1_000, queue: options.queue ?? 1_000, direction: options.direction ?? 'inbound', clock: options.clock ?? systemClock });
}
