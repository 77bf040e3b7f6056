import type { HealthCheck } from '@lemur-bookstores/mesh-interface';

const MAX_NAME_LENGTH = 128;
const MAX_TAGS = 16;
const MAX_TAG_LENGTH = 64;

/** A time that can be waited for: in ms, above 0. */
export const isDuration = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value > 0;

/** Whatever is wrong with a check, each by its path. From JavaScript anything comes. */
export function checkProblems(check: HealthCheck): string[] {
  const given: unknown = check;
  if (typeof given !== 'object' || given === null) return ['check: must be an object { name, check }'];
  const problems: string[] = [];
  if (typeof check.name !== 'string' || check.name === '' || check.name.length > MAX_NAME_LENGTH) problems.push(`name: must be a text of 1 to ${MAX_NAME_LENGTH} characters`);
  if (typeof check.check !== 'function') problems.push('check: must be a function');
  for (const path of ['timeoutMs', 'intervalMs'] as const) {
    if (check[path] !== undefined && !isDuration(check[path])) problems.push(`${path}: must be a number above 0, not ${String(check[path])}`);
  }
  if (check.critical !== undefined && typeof check.critical !== 'boolean') problems.push('critical: must be true or false');
  if (check.tags !== undefined && !areTags(check.tags)) problems.push(`tags: must be a list of at most ${MAX_TAGS} texts of 1 to ${MAX_TAG_LENGTH} characters`);
  return problems;
}

const areTags = (tags: unknown): boolean =>
  Array.isArray(tags) && tags.length <= MAX_TAGS && tags.every((tag) => typeof tag === 'string' && tag !== '' && tag.length <= MAX_TAG_LENGTH);
