import type { IncomingHttpHeaders } from 'node:http';
import { escapeControls, MeshError, type MeshErrorOptions, type MeshErrorReason } from '@lemur-bookstores/mesh-interface';
import { retryAfterMs } from './retry-after.js';

/** What a service answered. Nothing in it can be trusted. */
export interface SinkAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Without the credentials that were sent; as much of it as may be read. */
  readonly text: string;
  /** Whether there was more. */
  readonly truncated: boolean;
}

/** As much of an answer as an error shows. */
const SHOWN_CHARACTERS = 300;
/** Nobody takes events at that address. */
const NOTHING_THERE: readonly number[] = [404, 405, 410];
/** "Come again": a timeout of the server, too early, too often. 5xx are as well. */
const COME_AGAIN: readonly number[] = [408, 425, 429];

/**
 * What an answer that is no success means for the delivery; `undefined` for 2xx, whose content is the caller's to check.
 * @param where e.g. `Datadog at https://http-intake.logs.datadoghq.eu`
 * @param now ms since 1970, for a `Retry-After` that is a date
 */
export function answerFailure({ status, headers, text }: SinkAnswer, where: string, now: number): MeshError | undefined {
  if (status >= 200 && status < 300) return undefined;
  const said = escapeControls(text.slice(0, SHOWN_CHARACTERS)).trim();
  const failure = (reason: MeshErrorReason, what: string, options: MeshErrorOptions): MeshError =>
    new MeshError(reason, `${where} ${what}${said === '' ? '' : `: ${said}`}`, options);
  const answered = `answered ${status}`;
  if (status >= 500 || COME_AGAIN.includes(status)) {
    const waitMs = retryAfterMs(headers['retry-after'], now);
    return failure('adapter_failed', answered, { retryable: true, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) });
  }
  if (status >= 300 && status < 400) return failure('sink_not_found', `${answered}, a redirect, which is never followed; set the address that it is to be sent to`, { retryable: false });
  if (NOTHING_THERE.includes(status)) return failure('sink_not_found', `${answered}; is that its address?`, { retryable: false });
  // Of a proxy on the way, for whatever is sent through it.
  if (status === 407) return failure('sink_unauthenticated', `${answered}: a proxy on the way wants credentials, or others`, { retryable: false });
  if (status === 401 || status === 403) return failure('sink_unauthenticated', `${answered}: the credentials are wrong, or do not allow this`, { retryable: false });
  if (status === 413) return failure('sink_too_large', answered, { retryable: false });
  return failure('sink_refused', answered, { retryable: false });
}
