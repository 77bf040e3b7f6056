import type { ServiceNode } from '@lemur-bookstores/mesh-interface';

/** Which objects came from the operator's list. Data that comes over a network can be anything but one of them. */
const configured = new WeakSet<ServiceNode>();

/** A frozen copy of a node of the operator's list: what it says of trust holds. */
export function configuredNode(node: ServiceNode): ServiceNode {
  const { publicKey } = node;
  const copy = Object.freeze({ ...node, ...(publicKey === undefined || typeof publicKey === 'string' ? {} : { publicKey: Object.freeze([...publicKey]) }) });
  configured.add(copy);
  return copy;
}

/**
 * What may be dialled for a service. Discovery says where a service is, never whom to trust as it: the id is the one asked for, and
 * `spiffeId` and pins count only where the operator wrote them (PROTOCOL 6.1, 6.5).
 * @returns undefined where the node is another service's
 */
export function dialableNode(serviceId: string, node: ServiceNode): ServiceNode | undefined {
  if (node.id !== serviceId) return undefined;
  if (configured.has(node)) return node;
  const { host, port, instanceId, tls, path } = node;
  return {
    id: serviceId,
    host,
    port,
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(tls === undefined ? {} : { tls }),
    ...(path === undefined ? {} : { path }),
  };
}

/** Whether a node claims more than where a service is, and is not from the operator's list. */
export const claimsTrust = (node: ServiceNode): boolean => (node.spiffeId !== undefined || node.publicKey !== undefined) && !configured.has(node);
