import type { AdapterDescription } from './adapter-description.js';
import type { AdapterSupport } from './adapter-support.js';
import { Probe } from './probe.js';
import { TemporaryEnvironment } from './temporary-environment.js';

/** One run of one case: gives it subjects, and clears away what they leave. */
export class Trial {
  readonly #description: AdapterDescription;
  readonly #probes: Probe[] = [];
  readonly #environments: TemporaryEnvironment[] = [];

  constructor(description: AdapterDescription) {
    this.#description = description;
  }

  get support(): AdapterSupport {
    return this.#description.supports ?? {};
  }

  /** A sink without an adapter yet. */
  async prepare(): Promise<Probe> {
    const environment = new TemporaryEnvironment();
    this.#environments.push(environment);
    const probe = new Probe(this.#description, await this.#description.create(environment), environment);
    this.#probes.push(probe);
    return probe;
  }

  /** A sink and an adapter for it that is not started. */
  async construct(): Promise<Probe> {
    const probe = await this.prepare();
    probe.construct();
    return probe;
  }

  /** A sink and an adapter for it, started. */
  async open(): Promise<Probe> {
    const probe = await this.construct();
    await probe.start();
    return probe;
  }

  /** Clears away everything, and then rejects with what went wrong first. */
  async end(): Promise<void> {
    const ends = await Promise.allSettled(this.#probes.map((probe) => probe.end()));
    for (const environment of this.#environments) environment.remove();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}
