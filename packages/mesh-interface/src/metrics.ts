import type { RekeyTrigger } from './channel-rekeying.js';
import type { TraceContext } from './audit-event.js';

/** Worst first: open > half-open > closed. */
export type CircuitBreakerState = 'closed' | 'half-open' | 'open';

/** What `getStats()` gives: plain JSON. Fields may be added, none is ever renamed. */
export interface MeshStats {
  readonly service: string;
  readonly sessions: {
    /** Live authenticated sessions, both directions. */
    readonly activeSessions: number;
  };
  /** Distinct services with a live authenticated session, sorted. */
  readonly connectedServices: readonly string[];
  readonly metrics: {
    /** Outbound calls attempted; one with retries counts once. */
    readonly messagesSent: number;
    /** Outbound calls that failed; never more than `messagesSent`. */
    readonly messagesFailed: number;
    /** Inbound calls. */
    readonly messagesReceived: number;
    readonly connectionsSuccessful: number;
    readonly connectionsFailed: number;
    /** Mean duration of the outbound calls that ended in the last 60 s, in ms; 0 if none. */
    readonly averageLatency: number;
    /** The worst of all peers. */
    readonly circuitBreakerState: CircuitBreakerState;
  };
  /** Delivery accounting, one entry per adapter. */
  readonly audit?: AuditStats;
}

/**
 * What became of the events meant for one adapter. Always true:
 * `emitted = filtered + delivered + queued + spilled + deadLettered + dropped`.
 */
export interface AuditLaneStats {
  readonly adapter: string;
  /** Whether what it took is durable. */
  readonly durable: boolean;
  readonly emitted: number;
  /** Of `emitted`: found in the spill, left there by an earlier process. */
  readonly recovered: number;
  readonly filtered: number;
  readonly delivered: number;
  /** Waiting or in flight. */
  readonly queued: number;
  /** On disk, waiting for the adapter. */
  readonly spilled: number;
  /** Bytes that the spill takes on disk; 0 without one. */
  readonly spillBytes: number;
  /** Bytes that the spill may take; 0 without one. */
  readonly spillMaxBytes: number;
  readonly deadLettered: number;
  readonly dropped: number;
  /** Gap records that the adapter never got: the events that they stand for are among `dropped`, and nothing in its trail says so. */
  readonly lostGaps: number;
  readonly failures: number;
  /** ms since 1970 of the last delivery; 0 if none yet. */
  readonly lastSuccessAt: number;
  /** Whether the last delivery failed: `failures` rose and the adapter has taken nothing since. */
  readonly failing: boolean;
  /** How much of the lane's bound in events or bytes is used, whichever is more: from 0 to 1. */
  readonly queueFill: number;
  /** Whether the lane is at its bound in events or bytes, or was and has not got enough room again. */
  readonly full: boolean;
  /** How long the oldest event has been queued, in ms; 0 if none is. */
  readonly oldestQueuedMs: number;
  /** How long a delivery may take, in ms: an event that is queued for longer waits for more than its turn. */
  readonly deliveryTimeoutMs: number;
}

export interface AuditStats {
  /** Events stamped by this process: the last sequence number. */
  readonly emitted: number;
  readonly adapters: readonly AuditLaneStats[];
}

/** One histogram: `counts[i]` observations at most `bounds[i]`, the last count those above every bound. Not cumulative. */
export interface HistogramSnapshot {
  /** Upper bounds in seconds. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  /** Sum of all observations, in seconds. */
  readonly sum: number;
  readonly count: number;
  /** The last traced observation of each bucket that had one, in the order of the buckets; absent where nothing was traced. */
  readonly exemplars?: readonly HistogramExemplar[];
}

/** One observation that has a trace: the way from a figure to what it came from. */
export interface HistogramExemplar {
  /** Its bucket: index into `counts`. */
  readonly bucket: number;
  readonly trace: TraceContext;
  /** In seconds. */
  readonly value: number;
  /** ms since 1970. */
  readonly timestamp: number;
}

/** Calls of one direction, peer and method that ended with one code. */
export interface CallMetrics {
  readonly direction: 'inbound' | 'outbound';
  readonly peer: string;
  /** A registered method's name, else `_OTHER`: never what a peer made up. */
  readonly method: string;
  readonly started: number;
  /** Ended calls by code; `OK` is success. */
  readonly ended: Readonly<Record<string, number>>;
  /** Of the ended ones. */
  readonly duration: HistogramSnapshot;
  /** For how long nothing has begun or ended here, in ms; 0 while a call is under way. */
  readonly idleMs: number;
}

/** The keys in use, and how old they are. Nothing in it is secret. */
export interface KeyMetrics {
  /** The static key of handshakes. `intervalMs`: after which it is rotated; absent where it is not by itself. */
  readonly staticKey?: { readonly ageMs: number; readonly intervalMs?: number; readonly overdue: boolean };
  /** Of the oldest key that a live session seals with, in ms; 0 without sessions. */
  readonly oldestSessionKeyMs: number;
}

/** The circuit breaker of one instance that is called. */
export interface BreakerMetrics {
  readonly service: string;
  /** `host:port` */
  readonly endpoint: string;
  readonly state: CircuitBreakerState;
}

/** How late the event loop of this process was, and how much of its time it was at work. */
export interface EventLoopMetrics {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Share of the time that it did not wait, 0 to 1. */
  readonly utilization: number;
}

/**
 * Everything a metrics adapter may read, at the moment it reads it: plain JSON, counted since the mesh was made. Counts never go down. Fields may be added, none is
 * ever renamed or given another meaning.
 */
export interface MetricsSnapshot {
  /** ms since 1970. */
  readonly timestamp: number;
  readonly serviceId: string;
  readonly calls: readonly CallMetrics[];
  readonly sessions: { readonly inbound: number; readonly outbound: number };
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Handshakes by outcome: `ok`, or the reason of the failure. */
  readonly handshakes: Readonly<Record<string, number>>;
  /** Attempts of outbound calls after their first one; no other figure counts them. */
  readonly retries: number;
  /** Inbound calls refused because their peer calls too often: `rate_limited`. Among `calls`, too, as `RESOURCE_EXHAUSTED`. */
  readonly rateLimited: number;
  /** Inbound calls refused because as many ran and waited as may: `overloaded`. Among `calls`, too, as `RESOURCE_EXHAUSTED`. */
  readonly overloaded: number;
  /** Of the instances that are known now; empty where breakers are off. */
  readonly breakers: readonly BreakerMetrics[];
  /** Changes of the keys of sessions that both ends have completed. */
  readonly rekeys: number;
  /** The same by what brought them about. */
  readonly rekeysByTrigger: Readonly<Partial<Record<RekeyTrigger, number>>>;
  /** Sessions whose keys could not be changed any more, and that were replaced for it. */
  readonly rekeysFailed: number;
  readonly keys: KeyMetrics;
  /** The own certificate: the end of its validity, ms since 1970. Absent while there is none. */
  readonly certificate?: { readonly notAfter: number };
  /** Calls in that were denied to their peer (`auth.denied`), those included that `authorizeMode: 'audit'` let through. */
  readonly authorizationDenied: number;
  /**
   * Of the last 30 to 60 s; where nobody has looked for longer, since somebody did. The same for all who look. Absent before the mesh runs, and when it has ended.
   */
  readonly eventLoop?: EventLoopMetrics;
  readonly stats: MeshStats;
}
