import type { ManagedAdapter } from '@lemur-bookstores/mesh-interface';

/** The adapters' own names, else their classes'; told apart where two are the same. */
export function laneNames(adapters: readonly ManagedAdapter[]): string[] {
  const taken = new Set<string>();
  return adapters.map((adapter) => {
    const own = typeof adapter.name === 'string' && adapter.name !== '' ? adapter.name : adapter.constructor?.name ?? 'adapter';
    let name = own;
    for (let count = 2; taken.has(name); count++) name = `${own}#${count}`;
    taken.add(name);
    return name;
  });
}
