/**
 * How a sink can be made to refuse. `retryable`: it is overloaded, or away. `permanent`: it will never take what comes. `throttled`: it says how
 * long to wait. `partial`: it takes the first event of the next batch, refuses the others for now, and says so (bulk interfaces do).
 */
export const SINK_FAILURES = ['retryable', 'permanent', 'throttled', 'partial'] as const;

/** One of {@link SINK_FAILURES}. */
export type SinkFailureKind = (typeof SINK_FAILURES)[number];

/**
 * What an adapter and its sink can do: decides which cases apply. What can be seen on the adapter is compared with it (`members-as-declared`), so
 * that nothing gets around its cases by being left out.
 */
export interface AdapterSupport {
  /** The sink holds single events, in the order in which they came. Default true; false for sinks of sums and alerts. */
  readonly events?: boolean;
  /** The adapter has `logEvents`. Default false. */
  readonly batches?: boolean;
  /** The adapter says that it is `durable`. Default false. */
  readonly durable?: boolean;
  /** The adapter has `accepts`. Default false. */
  readonly filters?: boolean;
  /** The adapter has `logMetrics`. Default false. */
  readonly metrics?: boolean;
  /** The sink is read on a terminal: the subject has `screen()`. Default false. */
  readonly terminal?: boolean;
  /** The sink can be made to give no answer: the subject has `hang()`. Default false. */
  readonly hanging?: boolean;
  /** How the sink can be made to refuse: the subject has `fail()`. Default: not at all. */
  readonly failures?: readonly SinkFailureKind[];
}

/** What a case may need: a flag, one of the failures, or (`failures`) any of them. */
export type SupportNeed = keyof AdapterSupport | SinkFailureKind;

/** Whether the support has what is needed. */
export function isSupported(support: AdapterSupport, need: SupportNeed): boolean {
  const { failures = [] } = support;
  if (need === 'failures') return failures.length > 0;
  if (isFailure(need)) return failures.includes(need);
  return support[need] ?? need === 'events';
}

const isFailure = (need: SupportNeed): need is SinkFailureKind => (SINK_FAILURES as readonly string[]).includes(need);
