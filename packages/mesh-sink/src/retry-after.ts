/** An HTTP date begins with the name of a day; no number does. */
const SECONDS = /^\d{1,10}$/;

/**
 * How long a `Retry-After` header asks to wait, in ms (RFC 9110 10.2.3): seconds, or a date. `undefined` where there is none or it says nothing that can be read.
 * A date that is over is 0.
 * @param now ms since 1970
 */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const value = header?.trim();
  if (value === undefined || value === '') return undefined;
  if (SECONDS.test(value)) return Number(value) * 1_000;
  const at = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
