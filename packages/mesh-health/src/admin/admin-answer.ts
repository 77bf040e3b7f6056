import type { MeshError, MeshErrorCode } from '@lemur-bookstores/mesh-interface';

/** An HTTP answer. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Why it is none of what was asked for. */
  readonly error?: MeshError;
}

/** Nothing of it is kept by anybody, nor shown inside of a page. */
const COMMON = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'" };

/** By code, where the answer names no status of its own. */
const STATUS: Readonly<Partial<Record<MeshErrorCode, number>>> = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  FAILED_PRECONDITION: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

export function textAnswer(contentType: string, body: string): AdminAnswer {
  return { status: 200, headers: headersOf(contentType, body), body };
}

export function jsonAnswer(value: unknown): AdminAnswer {
  return textAnswer('application/json', JSON.stringify(value));
}

/** `{ error: { code, reason, message } }`. */
export function errorAnswer(error: MeshError, status = STATUS[error.code] ?? 500, more: Readonly<Record<string, string>> = {}): AdminAnswer {
  const body = JSON.stringify({ error: { code: error.code, reason: error.reason, message: error.text } });
  return { status, headers: { ...headersOf('application/json', body), ...more }, body, error };
}

function headersOf(contentType: string, body: string): Record<string, string> {
  return { ...COMMON, 'Content-Type': contentType, 'Content-Length': String(Buffer.byteLength(body)) };
}
