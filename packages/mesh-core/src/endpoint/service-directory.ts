import type { BreakerMetrics, CircuitBreakerState, MeshError } from '@lemur-bookstores/mesh-interface';
import type { OutboundSession } from '../session/outbound-session.js';
import { EndpointSet, type EndpointSetParts } from './endpoint-set.js';
import { worstState } from './readiness.js';

/** The services this node calls. */
export class ServiceDirectory {
  readonly #parts: EndpointSetParts;
  readonly #services = new Map<string, EndpointSet>();
  #running = false;

  constructor(parts: EndpointSetParts) {
    this.#parts = parts;
  }

  /** The instances of a service; kept connected while the node runs. */
  of(serviceId: string): EndpointSet {
    let service = this.#services.get(serviceId);
    if (service === undefined) this.#services.set(serviceId, (service = new EndpointSet(serviceId, this.#parts)));
    if (this.#running) service.start();
    return service;
  }

  start(): void {
    this.#running = true;
    for (const service of this.#services.values()) service.start();
  }

  async stop(drainMs: number): Promise<void> {
    this.#running = false;
    await Promise.all(Array.from(this.#services.values(), (service) => service.close(drainMs)));
  }

  /** Ends what there is of a service and forgets it, unless it is in use again by then. @returns whether it was forgotten */
  async disconnect(serviceId: string, drainMs: number): Promise<boolean> {
    const service = this.#services.get(serviceId);
    if (service === undefined) return false;
    await service.stop(drainMs);
    // Asked twice at the same time, the first to be done has forgotten it.
    if (this.#services.get(serviceId) !== service || !service.release()) return false;
    return this.#services.delete(serviceId);
  }

  /** By id. */
  services(): EndpointSet[] {
    return [...this.#services.values()].sort((a, b) => (a.serviceId < b.serviceId ? -1 : 1));
  }

  sessions(): OutboundSession[] {
    return [...this.#services.values()].flatMap((service) => service.sessions());
  }

  breakers(): BreakerMetrics[] {
    return [...this.#services.values()].flatMap((service) => service.breakers());
  }

  /** The worst of all instances of all services. */
  get breakerState(): CircuitBreakerState {
    return worstState(Array.from(this.#services.values(), ({ breakerState }) => breakerState));
  }

  get discoveryState(): { readonly lastSuccessAt: number; readonly lastError: MeshError | undefined; readonly knownServices: number } {
    let lastSuccessAt = 0;
    let lastError: MeshError | undefined;
    let knownServices = 0;
    for (const service of this.#services.values()) {
      if (service.discoveredAt > lastSuccessAt) lastSuccessAt = service.discoveredAt;
      lastError ??= service.discoveryError;
      if (service.known > 0) knownServices++;
    }
    return { lastSuccessAt, lastError, knownServices };
  }
}
