import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Details are shown in probes and figures, and kept until the next run: not more than this of them, in characters of JSON. */
const MAX_DETAILS_LENGTH = 65_536;

/**
 * The details of a check as plain JSON, for good: they are written into answers long after the check has run, where a circle or a getter that throws would be
 * somebody else's trouble. What cannot be shown is left out with the reason; a check is no less healthy for it.
 */
export function plainDetails(details: object): Readonly<Record<string, unknown>> {
  try {
    // Drivers like to count in BigInt.
    const text = JSON.stringify(details, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    if (text.length > MAX_DETAILS_LENGTH) return omitted(`more than ${MAX_DETAILS_LENGTH} characters of JSON`);
    const plain: unknown = JSON.parse(text);
    return typeof plain === 'object' && plain !== null ? Object.freeze({ ...plain }) : omitted('no object');
  } catch (error) {
    return omitted(MeshError.from(error).message);
  }
}

const omitted = (why: string): Readonly<Record<string, unknown>> => Object.freeze({ omitted: `details that cannot be shown: ${why.split('\n', 1)[0] ?? ''}` });
