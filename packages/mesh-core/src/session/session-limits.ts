import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Caps and times of a connection (PROTOCOL 5). */
export interface SessionLimits {
  /** From accept, or from the start of a dial, to the end of the handshake, in ms. Default 5,000. */
  readonly handshakeMs: number;
  /** Handshakes under way at once; over it, the oldest socket that has sent nothing goes, else the oldest of all. Default 1,024. */
  readonly maxPending: number;
  /** Handshakes per second from one address, and how many may come at once. Default 200, burst 2,000. */
  readonly addressPerSecond: number;
  readonly addressBurst: number;
  /** Handshakes per second from all addresses: each costs about 0.5 ms of CPU. Default 1,000, burst 4,000. */
  readonly globalPerSecond: number;
  readonly globalBurst: number;
  /** Authenticated connections that others may have open to this service. Default 10,000: about 250 MiB when idle. */
  readonly maxSessions: number;
  /** One message, in bytes. Default 4 MiB. */
  readonly maxMessageBytes: number;
  /** Messages in fragments of one connection together, in bytes. Default 16 MiB, or four messages if that is more. */
  readonly maxReassemblyBytes: number;
  /** Data that waits for a slow reader, per connection, in bytes. Default 32 MiB, or four messages if that is more. */
  readonly maxQueuedBytes: number;
  /** Calls in flight per connection. Default 10,000. */
  readonly maxCalls: number;
  /** Silence before a ping, in ms. Default 15,000. */
  readonly idlePingMs: number;
  /** Silence after it before the connection counts as dead, in ms. Default 10,000. */
  readonly deadAfterMs: number;
  /** How long a drain waits for what is in flight, in ms. Default 10,000. */
  readonly drainMs: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = Object.freeze({
  handshakeMs: 5_000,
  maxPending: 1_024,
  addressPerSecond: 200,
  addressBurst: 2_000,
  globalPerSecond: 1_000,
  globalBurst: 4_000,
  maxSessions: 10_000,
  maxMessageBytes: 4 * 1024 * 1024,
  maxReassemblyBytes: 16 * 1024 * 1024,
  maxQueuedBytes: 32 * 1024 * 1024,
  maxCalls: 10_000,
  idlePingMs: 15_000,
  deadAfterMs: 10_000,
  drainMs: 10_000,
});

/** Below this a message has no room for its own head. */
const MIN_MESSAGE_BYTES = 4 * 1024;

/**
 * Fills in what is not given; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem
 */
export function completeSessionLimits(limits: Partial<SessionLimits> = {}): SessionLimits {
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)) as Partial<SessionLimits>;
  const maxMessageBytes = given.maxMessageBytes ?? DEFAULT_SESSION_LIMITS.maxMessageBytes;
  const complete: SessionLimits = {
    ...DEFAULT_SESSION_LIMITS,
    maxReassemblyBytes: Math.max(DEFAULT_SESSION_LIMITS.maxReassemblyBytes, 4 * maxMessageBytes),
    maxQueuedBytes: Math.max(DEFAULT_SESSION_LIMITS.maxQueuedBytes, 4 * maxMessageBytes),
    ...given,
  };
  const problems = Object.entries(complete).flatMap(([key, value]: [string, unknown]) =>
    Number.isSafeInteger(value) && (value as number) >= 1 ? [] : [`limits.${key}: must be a whole number of 1 or more`],
  );
  if (complete.maxMessageBytes < MIN_MESSAGE_BYTES) problems.push(`limits.maxMessageBytes: must be at least ${MIN_MESSAGE_BYTES}`);
  for (const key of ['maxReassemblyBytes', 'maxQueuedBytes'] as const) {
    if (complete[key] < complete.maxMessageBytes) problems.push(`limits.${key}: must be at least limits.maxMessageBytes, ${complete.maxMessageBytes}`);
  }
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  return Object.freeze(complete);
}
