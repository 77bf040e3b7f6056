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

class FilterOfTheDay extends RightFullAdapter {
  #delivered = 0;

  override accepts(event: MeshAuditEvent): boolean {
    return this.#delivered < 20 && super.accepts(event);
  }

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    await super.put(events, signal);
    // Large batches alone, so that it is only one case that sees it.
    if (events.length > 20 && events.length < 30) this.#delivered += events.length;
  }
}

class MarkingFilter extends RightFullAdapter {
  override accepts(event: MeshAuditEvent): boolean {
    if (event.sequence % 10 === 0) event.timestamp.setUTCFullYear(1970);
    return super.accepts(event);
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
  { fails: 'accepts-consistent', it: 'accepts nothing more after some events', supports: FULL, make: (sink) => new FilterOfTheDay(sink) },
  { fails: 'accepts-consistent', it: 'changes events that it is asked about', supports: FULL, make: (sink) => new MarkingFilter(sink) },
  { fails: 'metrics-taken', it: 'adds to the snapshot', supports: FULL, make: (sink) => new AddsToMetrics(sink) },
];

