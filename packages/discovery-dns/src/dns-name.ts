/** RFC 1035 2.3.4, without the dot at the end. */
const MAX_NAME = 253;
/** Letters, digits and hyphens (RFC 1123 2.1), and the underscore of service names (RFC 2782). */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const ALL_DIGITS = /^[0-9]+$/;

/** In lower case, without the dot at the end: names that differ in these are one. */
export const canonicalName = (name: string): string => name.toLowerCase().replace(/\.$/, '');

/** Whether a value names something that may be asked for. What merely looks like an address does not. */
export function isDnsName(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const labels = canonicalName(value).split('.');
  return value.length <= MAX_NAME + 1 && labels.join('.').length <= MAX_NAME && labels.every((label) => LABEL.test(label)) && !ALL_DIGITS.test(labels.at(-1) ?? '');
}
