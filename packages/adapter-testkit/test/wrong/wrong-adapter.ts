import type { MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { AdapterDescription, TrialEnvironment } from '../../src/adapter-description.js';
import type { AdapterSupport } from '../../src/adapter-support.js';
import { MemorySink } from '../right/memory-sink.js';
import { BATCHES, KEY } from '../right/subjects.js';

/** An adapter with one thing wrong, and the one case that has to find it. */
export interface WrongAdapter {
  readonly fails: string;
  /** What is wrong with it. */
  readonly it: string;
  readonly make: (sink: MemorySink, key: string, environment: TrialEnvironment) => MonitoringAdapter;
  /** Default: an adapter with batches. */
  readonly supports?: AdapterSupport;
  /** What a terminal gets. */
  readonly screen?: (sink: MemorySink) => string;
}

export function descriptionOf({ make, supports = BATCHES, screen }: WrongAdapter): Omit<AdapterDescription, 'name' | 'runner'> {
  return {
    supports,
    // A memory sink answers within a few turns, and those are always waited for; what is wrong is most often something that never comes.
    patienceMs: 40,
    create: (environment) => {
      const sink = new MemorySink();
      const { received, fail, hang, release } = sink;
      return {
        construct: () => make(sink, KEY, environment),
        received,
        fail,
        hang,
        release,
        secrets: [KEY],
        ...(screen === undefined ? {} : { screen: () => screen(sink) }),
      };
    },
  };
}
