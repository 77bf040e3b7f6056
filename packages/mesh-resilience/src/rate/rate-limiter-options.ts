import { nullAuditSink, OptionCheck, refuseProblems, systemClock, type Clock, type OwnAuditSink, type RateLimit, type RateLimitStore } from '@lemur-bookstores/mesh-interface';

/** Options of a {@link RateLimiter}: `resilience.rateLimit` of a mesh. */
export interface RateLimiterOptions {
  /** Calls of one peer at once after a pause, and in each `windowMs` in the long run: 1 or more. */
  readonly maxRequests: number;
  /** In ms, 1 or more. */
  readonly windowMs: number;
  /** Methods with a limit of their own for each peer; calls of these do not count for the other. Default: none. */
  readonly methods?: Readonly<Record<string, RateLimit>> | undefined;
  /** What all peers together may do, beside what each may. Default: no limit. */
  readonly total?: RateLimit | undefined;
  /** `inbound`: limits peers. `outbound`: limits the own calls, by the service called. Calls of the other direction pass. Default `inbound`. */
  readonly direction?: 'inbound' | 'outbound' | undefined;
  /** Buckets kept at once, where the store is not the user's: 1 or more. Default 10,000. */
  readonly maxPeers?: number | undefined;
  /** Where the buckets are. Default: in memory, of this process alone. */
  readonly store?: RateLimitStore | undefined;
  /** How long a store may take for its answer, in ms: 1 or more. Default 100. */
  readonly storeTimeoutMs?: number | undefined;
  /** Gets `rate_limit` events: one for the first refusal of a burst, then one each `auditWindowMs` with their number. Default: none. */
  readonly audit?: OwnAuditSink | undefined;
  /** In ms: 1 or more. Default 10,000. */
  readonly auditWindowMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Options with their defaults. */
export interface RateLimiterSettings {
  readonly limit: RateLimit;
  readonly methods: ReadonlyMap<string, RateLimit>;
  readonly total: RateLimit | undefined;
  readonly direction: 'inbound' | 'outbound';
  readonly maxPeers: number;
  readonly store: RateLimitStore | undefined;
  readonly storeTimeoutMs: number;
  readonly audit: OwnAuditSink;
  readonly auditWindowMs: number;
  readonly clock: Clock;
}

const NAMES = [
  'maxRequests', 'windowMs', 'methods', 'total', 'direction', 'maxPeers', 'store', 'storeTimeoutMs', 'audit', 'auditWindowMs', 'clock',
] as const satisfies readonly (keyof RateLimiterOptions)[];
const LIMIT_NAMES = ['maxRequests', 'windowMs'] as const satisfies readonly (keyof RateLimit)[];

/**
 * What is wrong with the options of a rate limiter, each problem by its path.
 * @param path of the options themselves, e.g. `resilience.rateLimit`
 */
export function rateLimitProblems(options: unknown, path = 'rateLimit'): string[] {
  const check = new OptionCheck(path);
  if (!check.isObject(options, NAMES)) return check.problems;
  const { methods, total, direction, maxPeers, store, storeTimeoutMs, auditWindowMs } = options;
  limitProblems(check, options, '');
  if (methods !== undefined && check.must('methods', typeof methods === 'object' && methods !== null && !Array.isArray(methods), 'an object with a limit for each method')) {
    for (const [method, limit] of Object.entries(methods as object)) {
      if (check.isObject(limit, LIMIT_NAMES, `methods.${method}`)) limitProblems(check, limit, `methods.${method}.`);
    }
  }
  if (total !== undefined && check.isObject(total, LIMIT_NAMES, 'total')) limitProblems(check, total, 'total.');
  check.oneOf('direction', direction, ['inbound', 'outbound']);
  check.whole('maxPeers', maxPeers, 1);
  check.has('store', store, ['take']);
  check.whole('storeTimeoutMs', storeTimeoutMs, 1);
  check.whole('auditWindowMs', auditWindowMs, 1);
  check.parts(options);
  return check.problems;
}

function limitProblems(check: OptionCheck, { maxRequests, windowMs }: Readonly<Record<string, unknown>>, at: string): void {
  for (const [name, value] of Object.entries({ maxRequests, windowMs })) {
    if (check.must(at + name, value !== undefined, 'given')) check.whole(at + name, value, 1);
  }
}

/**
 * Fills in what is not given; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem
 */
export function completeRateLimiter(options: RateLimiterOptions, path = 'rateLimit'): RateLimiterSettings {
  refuseProblems(rateLimitProblems(options, path));
  const copy = ({ maxRequests, windowMs }: RateLimit): RateLimit => Object.freeze({ maxRequests, windowMs });
  return Object.freeze({
    limit: copy(options),
    methods: new Map(Object.entries(options.methods ?? {}).map(([method, limit]) => [method, copy(limit)])),
    total: options.total === undefined ? undefined : copy(options.total),
    direction: options.direction ?? 'inbound',
    maxPeers: options.maxPeers ?? 10_000,
    store: options.store,
    storeTimeoutMs: options.storeTimeoutMs ?? 100,
    audit: options.audit ?? nullAuditSink,
    auditWindowMs: options.auditWindowMs ?? 10_000,
    clock: options.clock ?? systemClock,
  });
}
