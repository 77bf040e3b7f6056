const isPlain = (value: unknown): value is Record<string, unknown> =>
  Array.isArray(value) || (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype);

/** Every field at every depth of plain objects and lists, as `a.b.0`; what has a class is one field. */
export function* fieldPaths(value: unknown, prefix = ''): Generator<string> {
  if (!isPlain(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    yield `${prefix}${key}`;
    yield* fieldPaths(inner, `${prefix}${key}.`);
  }
}

/** Takes one field away; of a list, the entry. @throws TypeError for a path that is not there */
export function removeField(root: object, path: string): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  const owner = keys.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], root);
  if (Array.isArray(owner)) owner.splice(Number(last), 1);
  else Reflect.deleteProperty(owner as object, last);
}
