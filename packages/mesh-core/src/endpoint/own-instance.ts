import { randomUUID } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import type { ServiceNode } from '@lemur-bookstores/mesh-interface';

/** Where a node was told to listen, and where it does. */
export interface ListeningAt {
  /** `undefined`: all interfaces. */
  readonly host: string | undefined;
  readonly port: number;
  /** Where others reach it, if elsewhere. */
  readonly advertise: { readonly host?: string; readonly port?: number } | undefined;
  /** Whether only this machine hears of it. */
  readonly local: boolean;
}

const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '::1'];
const WILDCARDS: readonly (string | undefined)[] = [undefined, '', '0.0.0.0', '::'];

/** This instance of the own service, as others find it: a service that calls its own name means its replicas. */
export class OwnInstance {
  /** What discovery is told. */
  readonly node: ServiceNode;
  readonly #hosts: ReadonlySet<string>;
  readonly #port: number;

  constructor(serviceId: string, { host, port, advertise, local }: ListeningAt) {
    const everywhere = WILDCARDS.includes(host);
    // Elsewhere the loopback address would be somebody else's own machine.
    const reachable = everywhere ? (local ? '127.0.0.1' : hostname()) : (host as string);
    this.node = { id: serviceId, host: advertise?.host ?? reachable, port: advertise?.port ?? port, instanceId: randomUUID() };
    this.#hosts = new Set(everywhere ? [...LOOPBACK, hostname(), ...ownAddresses()] : LOOPBACK.includes(reachable) ? LOOPBACK : [reachable]);
    this.#port = port;
  }

  /** Whether dialling a node of the own service would only come back here. */
  is({ host, port, instanceId }: ServiceNode): boolean {
    if (instanceId === this.node.instanceId) return true;
    return (host === this.node.host && port === this.node.port) || (port === this.#port && this.#hosts.has(host));
  }
}

const ownAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
