import type { MeshAuditEvent, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { RightAdapter, RightBatchAdapter, RightFullAdapter } from '../right/right-adapter.js';
import { FULL, PLAIN } from '../right/subjects.js';
import type { WrongAdapter } from './wrong-adapter.js';

class DurableByWord extends RightAdapter {
  readonly durable = 'yes' as unknown as boolean;
}

class NamedInRed extends RightAdapter {
  readonly name = '\u001b[31mred';
}

class FickleFilter extends RightFullAdapter {
  #asked = 0;

  override accepts(): boolean {
    return this.#asked++ % 2 === 0;
  }
}

class AsyncFilter extends RightFullAdapter {
  override accepts(event: MeshAuditEvent): boolean {
    return Promise.resolve(super.accepts(event)) as unknown as boolean;
  }
}

class AddsToMetrics extends RightFullAdapter {
  override async logMetrics(metrics: MetricsSnapshot): Promise<void> {
    Reflect.set(metrics, 'seen', true);
  }
}

export const WRONG_MEMBERS: readonly WrongAdapter[] = [
  { fails: 'members-as-declared', it: 'has logEvents, and supports.batches does not say so', supports: PLAIN, make: (sink) => new RightBatchAdapter(sink) },
  { fails: 'members-as-declared', it: 'is durable, filters and takes metrics, and nothing says so', make: (sink) => new RightFullAdapter(sink) },
  { fails: 'members-as-declared', it: "has a subject that can do more than it says", supports: { batches: true }, make: (sink) => new RightBatchAdapter(sink) },
  { fails: 'members-as-declared', it: 'is durable by a word', supports: PLAIN, make: (sink) => new DurableByWord(sink) },
  { fails: 'members-as-declared', it: 'has a name that colours the terminal', supports: PLAIN, make: (sink) => new NamedInRed(sink) },
  { fails: 'members-as-declared', it: 'has a member that is no method', make: (sink) => Object.assign(new RightBatchAdapter(sink), { logMetrics: null as never }) },
  { fails: 'accepts-consistent', it: 'accepts every other event that it is asked about', supports: FULL, make: (sink) => new FickleFilter(sink) },
  { fails: 'accepts-consistent', it: 'answers with a promise', supports: FULL, make: (sink) => new AsyncFilter(sink) },
  { fails: 'metrics-taken', it: 'adds to the snapshot', supports: FULL, make: (sink) => new AddsToMetrics(sink) },
];

