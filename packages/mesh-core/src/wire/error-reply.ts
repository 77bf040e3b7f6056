import { MeshError, MESH_ERROR_CODES, type MeshErrorCode } from '@lemur-bookstores/mesh-interface';

const CODES: ReadonlySet<string> = new Set<string>(MESH_ERROR_CODES);
const REASON = /^[a-z][a-z0-9_]{0,63}$/;
const MAX_DETAILS_BYTES = 4 * 1024;
const MAX_MESSAGE_LENGTH = 1024;
/** Room for both, a message all of escapes, and the rest: also bounds how deep a peer can nest what we may have to print. */
const MAX_REPLY_LENGTH = MAX_DETAILS_BYTES + 6 * MAX_MESSAGE_LENGTH + 512;

/**
 * What of a handler's failure crosses the wire (DESIGN 3): of a MeshError its code, reason, message, `retryAfterMs` and
 * `details` up to 4 KiB; of anything else nothing but INTERNAL.
 */
export function encodeErrorReply(error: unknown): string {
  if (!MeshError.is(error)) return '{"code":"INTERNAL","reason":"handler_failed","message":"the handler failed"}';
  const { code, reason, retryAfterMs } = error;
  let details: string | undefined;
  try {
    details = error.details === undefined ? undefined : JSON.stringify(error.details);
  } catch {
    details = undefined;
  }
  const body = {
    code,
    reason: REASON.test(reason) ? reason : 'unexpected',
    // Another version of the library may have no `text`.
    message: ((error.text as string | undefined) ?? error.message).slice(0, MAX_MESSAGE_LENGTH),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const text = JSON.stringify(body);
  if (details === undefined || Buffer.byteLength(details) > MAX_DETAILS_BYTES) return text;
  return `${text.slice(0, -1)},"details":${details}}`;
}

/** Rebuilds the error a peer sent. Whatever does not fit becomes UNKNOWN: a peer cannot make this throw anything else. */
export function decodeErrorReply(text: string, notRun: boolean): MeshError {
  let parsed: unknown;
  try {
    parsed = text.length > MAX_REPLY_LENGTH ? undefined : JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const reply = typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  const code = typeof reply['code'] === 'string' && CODES.has(reply['code']) ? (reply['code'] as MeshErrorCode) : 'UNKNOWN';
  const reason = typeof reply['reason'] === 'string' && REASON.test(reply['reason']) ? reply['reason'] : 'unexpected';
  const message = typeof reply['message'] === 'string' ? reply['message'].slice(0, MAX_MESSAGE_LENGTH) : 'the peer answered with an error it did not describe';
  const { retryAfterMs, details } = reply;
  return new MeshError(reason, message, {
    code,
    details: details !== undefined && Buffer.byteLength(JSON.stringify(details)) <= MAX_DETAILS_BYTES ? details : undefined,
    mayHaveRun: !notRun,
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
  });
}
