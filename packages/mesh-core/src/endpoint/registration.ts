import { MeshError, type Clock, type DiscoveryProvider, type Logger, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { OwnInstance, type ListeningAt } from './own-instance.js';
import { askProvider } from './provider-call.js';

/** What discovery knows of this instance: told, taken back, let go. */
export class Registration {
  readonly #discovery: DiscoveryProvider;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #own: OwnInstance | undefined;
  #registered: ServiceNode | undefined;

  constructor(discovery: DiscoveryProvider, clock: Clock, logger: Logger) {
    this.#discovery = discovery;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Whether a node of the own service is this very instance. */
  isOwn(node: ServiceNode): boolean {
    return this.#own?.is(node) === true;
  }

  /** @throws MeshError `discovery_failed`, or the provider's own */
  async register(serviceId: string, at: Omit<ListeningAt, 'local'>): Promise<void> {
    this.#own = new OwnInstance(serviceId, { ...at, local: this.#discovery.local === true });
    const { node } = this.#own;
    // Before it is known to have worked: what fails late may have been done.
    this.#registered = node;
    await askProvider(this.#clock, 'make this service findable', () => this.#discovery.register(node));
    // Once more: a deregister() meanwhile took it back before it was there.
    this.#registered = node;
  }

  /** Never rejects: trouble of a provider must not keep a node from stopping. */
  async deregister(timeoutMs?: number): Promise<void> {
    const node = this.#registered;
    this.#registered = undefined;
    if (node !== undefined) await this.#tell('take this service back', () => this.#discovery.deregister?.(node), timeoutMs);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#tell('close', () => this.#discovery.close?.());
  }

  async #tell(what: string, ask: () => Promise<void> | undefined, timeoutMs?: number): Promise<void> {
    await askProvider(this.#clock, what, ask, timeoutMs).catch((error: unknown) => this.#logger.warn(MeshError.from(error).message));
  }
}
