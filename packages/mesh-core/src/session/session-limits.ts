/** Caps and times of a connection (PROTOCOL 5). */
export interface SessionLimits {
  /** From accept, or from the start of a dial, to the end of the handshake, in ms. Default 5,000. */
  readonly handshakeMs: number;
  /** Handshakes under way at once; over it, the oldest socket that has sent nothing goes. Default 1,024. */
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
  /** Messages in fragments of one connection together, in bytes. Default 16 MiB. */
  readonly maxReassemblyBytes: number;
  /** Data that waits for a slow reader, per connection, in bytes. Default 32 MiB. */
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
