/** Freezes a value and all it holds, but for dates: those cannot be. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!(value instanceof Date)) Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
