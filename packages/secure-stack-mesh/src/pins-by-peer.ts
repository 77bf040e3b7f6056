import type { ServiceNode } from '@lemur-bookstores/mesh-interface';

/**
 * Pins hold in both directions (PROTOCOL 6.5): what `discovery.services` says of a service is asked of it also when it dials in.
 * @param ownTrustDomain known only once the identity is loaded
 */
export function pinsByPeer(services: readonly ServiceNode[], ownTrustDomain: () => string): ((spiffeId: string) => readonly string[] | undefined) | undefined {
  const pinned = services.filter(({ publicKey }) => publicKey !== undefined);
  if (pinned.length === 0) return undefined;
  return (spiffeId) => {
    const pins = pinned
      .filter((node) => (node.spiffeId ?? `spiffe://${ownTrustDomain()}/${node.id}`) === spiffeId)
      .flatMap(({ publicKey }) => publicKey ?? []);
    return pins.length === 0 ? undefined : pins;
  };
}
