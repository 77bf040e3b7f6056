import type { MeshError } from './mesh-error.js';

/** One reachable instance of a service. */
export interface ServiceNode {
  /** The service's id, e.g. `order-service`; several instances share it. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Tells instances apart where address and port do not. */
  readonly instanceId?: string;
  /** Pins: base64url SHA-256 of the SPKI of the leaf or a CA in its chain. Checked in addition to chain and id. Counts only in a list the operator wrote. */
  readonly publicKey?: string | readonly string[];
  /** The exact SPIFFE id to expect. Default: `spiffe://<own trust domain>/<id>`. Counts only in a list the operator wrote. */
  readonly spiffeId?: string;
  /** Dial `wss://`: for an ingress that terminates TLS in front of the service. The mesh's own encryption is always there. */
  readonly tls?: boolean;
  /** Path of the WebSocket URL. Default `/`. */
  readonly path?: string;
}

/** Where services are found. */
export interface DiscoveryProvider {
  /** Makes an instance findable. Providers that cannot (static lists, DNS) resolve at once. */
  register(node: ServiceNode): Promise<void>;
  deregister?(node: ServiceNode): Promise<void>;
  /** All instances known now; empty where there are none. */
  discover(serviceId: string): Promise<ServiceNode[]>;
  /**
   * Calls `listener` with the whole set whenever it changes. Returns the function that ends it. A provider that can tell calls `onLookUp` after each look-up of its
   * own: with why it failed, or `undefined` where it did not. What fails takes no instance away.
   */
  watch?(serviceId: string, listener: (nodes: ServiceNode[]) => void, onLookUp?: (error: MeshError | undefined) => void): () => void;
  /** How a person would be told where this provider looked, e.g. a folder. */
  readonly description?: string;
  /** `true`: finds services on this machine only, so that the loopback address is one to tell it. Default: others elsewhere read it. */
  readonly local?: boolean;
  close?(): Promise<void>;
}
