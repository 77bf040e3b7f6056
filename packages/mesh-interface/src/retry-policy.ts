import type { MeshError } from './mesh-error.js';

/** A call whose last attempt has failed. */
export interface FailedAttempt {
  /** The number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** The caller says that running it twice does no harm. */
  readonly idempotent: boolean;
  /** What is left until the call's deadline, in ms. */
  readonly remainingMs: number;
  /** Its connection ended before its answer came. No answer can say so: one with the reason `connection_lost` tells of another call. Default `false`. */
  readonly lost?: boolean;
}

/** Why there is no further attempt, in the order in which it is looked for. */
export type NoRetry =
  /** `maxAttempts` were made. */
  | 'attempts'
  /** The error says that the same again fails. */
  | 'not_retryable'
  /** Nobody knows whether it ran, and the call is not idempotent. */
  | 'may_have_run'
  /** `retryAfterMs` is negative: whoever was called wants none. */
  | 'pushback'
  /** The wait would end at the deadline, or after it. */
  | 'deadline'
  /** Too many retries for the calls there were. */
  | 'budget';

/** Whether a call is tried again, and after how many ms. */
export type RetryDecision = { readonly retry: true; readonly delayMs: number } | { readonly retry: false; readonly because: NoRetry };

/** Decides about retries, for all services called. Synchronous, no timer and no promise: who asks does the waiting. */
export interface RetryPolicy {
  /** Once for each call, with its first attempt: a target's retries are a share of its calls. @param now monotonic, in ms; default: the clock is read */
  began(target: string, now?: number): void;
  /** What to do about a failed attempt. A `retry: true` is taken from the target's budget. */
  next(target: string, error: MeshError, failed: FailedAttempt): RetryDecision;
}
