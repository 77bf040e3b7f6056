import { MeshError, refuseProblems, systemClock, type CallMetadata, type Clock, type ClockTimer, type InterceptedCall, type Interceptor, type PeerIdentity, type TraceContext } from '@lemur-bookstores/mesh-interface';

/** A call that is made without a mesh. */
export interface CallRequest {
  /** What is called: breakers, budgets and limits go by it. */
  readonly service: string;
  readonly method: string;
  readonly input?: unknown;
  readonly metadata?: CallMetadata;
  /** Total time, in ms, everything included: above 0. Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly idempotent?: boolean;
  readonly retry?: boolean;
  readonly trace?: TraceContext;
  /** Default `outbound`. */
  readonly direction?: 'inbound' | 'outbound';
  /** Inbound: who calls, proven. */
  readonly peer?: PeerIdentity;
  readonly clock?: Clock;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Makes a call through an interceptor without a mesh: `send` does it, once for each attempt, and heeds `call.signal`. It ends exactly once:
 * with what the interceptor makes of it, at its deadline, or when `signal` is aborted. Errors of `send` come out as they were thrown; for
 * retries they have to be MeshErrors that say by `mayHaveRun` what is known.
 * @throws MeshError `invalid_option` for a `timeoutMs` out of range
 */
export function callThrough<Result>(interceptor: Interceptor, request: CallRequest, send: (call: InterceptedCall) => Promise<Result>): Promise<Result> {
  const { clock = systemClock, timeoutMs = DEFAULT_TIMEOUT_MS, direction = 'outbound', signal, service, method, input, metadata = {}, ...rest } = request;
  if (!(timeoutMs > 0 && timeoutMs <= Number.MAX_SAFE_INTEGER)) refuseProblems([`timeoutMs: must be a number above 0`]);
  const abort = new AbortController();
  let begun = false;
  return new Promise((resolve, reject) => {
    const release = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const end = (error: MeshError): void => {
      release();
      abort.abort(error);
      reject(error);
    };
    const onAbort = (): void => end(new MeshError('cancelled', 'the call was cancelled', { cause: signal?.reason, mayHaveRun: begun }));
    const onDeadline = (): void => end(new MeshError('deadline_exceeded', `no answer to '${method}' of ${service} within ${timeoutMs} ms`, { mayHaveRun: begun }));
    const timer: ClockTimer = clock.setTimeout(onDeadline, timeoutMs);
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const call: InterceptedCall = { direction, service, method, input, metadata, deadline: clock.monotonic() + timeoutMs, signal: abort.signal, ...rest };
    const sent = (last: InterceptedCall): Promise<unknown> => {
      begun = true;
      return send(last);
    };
    // In a turn of its own: what throws at once rejects as well.
    Promise.resolve()
      .then(() => interceptor(call, sent))
      .then(
        (value) => {
          release();
          // What `send` gives, unless an interceptor of the caller's puts something else in its place.
          resolve(value as Result);
        },
        (error: unknown) => {
          release();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
          reject(error);
        },
      );
  });
}
