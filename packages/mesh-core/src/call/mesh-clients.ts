import type { ServiceDirectory } from '../endpoint/service-directory.js';
import { CallOut } from './call-out.js';
import type { CallOutParts } from './call-out-parts.js';
import type { CallOptions } from './call-options.js';
import type { AnyApi, MeshClient } from './mesh-client.js';

/** The clients of a node, one for each service. They go on working after the service was forgotten. */
export class MeshClients {
  readonly #directory: ServiceDirectory;
  readonly #parts: CallOutParts;
  readonly #callOuts = new Map<string, CallOut>();
  readonly #clients = new Map<string, MeshClient<AnyApi>>();

  constructor(directory: ServiceDirectory, parts: CallOutParts) {
    this.#directory = directory;
    this.#parts = parts;
  }

  of(serviceId: string): MeshClient<AnyApi> {
    let client = this.#clients.get(serviceId);
    if (client === undefined) {
      const call = (method: string, input: unknown, options?: CallOptions): Promise<unknown> => this.#callOutTo(serviceId).call(method, input, options);
      this.#clients.set(serviceId, (client = { serviceId, call: call as MeshClient<AnyApi>['call'] }));
    }
    return client;
  }

  forget(serviceId: string): void {
    this.#callOuts.delete(serviceId);
    this.#clients.delete(serviceId);
  }

  #callOutTo(serviceId: string): CallOut {
    let callOut = this.#callOuts.get(serviceId);
    if (callOut === undefined) this.#callOuts.set(serviceId, (callOut = new CallOut(this.#directory.of(serviceId), this.#parts)));
    return callOut;
  }
}
