import type { ConnectionAdmission } from '@lemur-bookstores/mesh-interface';

/** Admits everybody and counts: an admission for tests of transports. */
export function openDoor(): ConnectionAdmission & { admitted: string[]; released: number; evictions: (() => void)[] } {
  const door = {
    admitted: [] as string[],
    released: 0,
    evictions: [] as (() => void)[],
    admit: (address: string, evict: () => void) => {
      door.admitted.push(address);
      door.evictions.push(evict);
      return { refused: false, remainingMs: 5_000, firstMessage: () => true, release: () => void door.released++ };
    },
  };
  return door;
}
