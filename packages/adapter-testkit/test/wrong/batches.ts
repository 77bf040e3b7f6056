import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { SinkRefusal } from '../right/memory-sink.js';
import { RightBatchAdapter } from '../right/right-adapter.js';
import type { WrongAdapter } from './wrong-adapter.js';

type BatchOptions = { readonly signal: AbortSignal };

class RefusesNone extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    if (events.length === 0) throw new MeshError('adapter_failed', 'nothing to send', { retryable: false });
    await super.logEvents(events, options);
  }
}

class SendsNone extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    if (events.length === 0) await this.sink.put(['{}']);
    await super.logEvents(events, options);
  }
}

/** Takes a batch for a header and the events behind it. */
class DropsOnly extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    const [only] = events;
    if (events.length === 1 && !this.isClosed && typeof only === 'object' && only !== null) return;
    await super.logEvents(events, options);
  }
}

class TakesHundred extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    await super.logEvents(events.slice(0, 100), options);
  }
}

class ReversesLarge extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    await super.logEvents(events.length > 100 ? events.toReversed() : events, options);
  }
}

class SkipsUnreadable extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    const readable = events.filter((event) => {
      try {
        return JSON.stringify(event) !== '';
      } catch {
        return false;
      }
    });
    await super.logEvents(readable, options);
  }
}

class IgnoresPartial extends RightBatchAdapter {
  protected override refused(error: unknown): never {
    if (error instanceof SinkRefusal && error.failure.kind === 'partial') return undefined as never;
    return super.refused(error);
  }
}

class StuckAfterUnreadable extends RightBatchAdapter {
  #isStuck = false;

  protected override text(event: MeshAuditEvent): string {
    if (this.#isStuck) throw new MeshError('adapter_failed', 'the serializer failed before', { retryable: true });
    try {
      return super.text(event);
    } catch (error) {
      this.#isStuck = !MeshError.is(error);
      throw error;
    }
  }
}

export const WRONG_BATCHES: readonly WrongAdapter[] = [
  { fails: 'batch-of-none', it: 'refuses an empty batch', make: (sink) => new RefusesNone(sink) },
  { fails: 'batch-of-none', it: 'makes a record of an empty batch', make: (sink) => new SendsNone(sink) },
  { fails: 'batch-of-one', it: 'drops the event of a batch of one', make: (sink) => new DropsOnly(sink) },
  { fails: 'batch-of-many', it: 'takes 100 events of a batch', make: (sink) => new TakesHundred(sink) },
  { fails: 'batch-of-many', it: 'turns a large batch around', make: (sink) => new ReversesLarge(sink) },
  { fails: 'batch-all-or-nothing', it: 'leaves out what it cannot write', make: (sink) => new SkipsUnreadable(sink) },
  { fails: 'batch-all-or-nothing', it: 'never recovers from what it cannot write', make: (sink) => new StuckAfterUnreadable(sink) },
  { fails: 'batch-partly-refused', it: 'does not read what the sink says about each event', make: (sink) => new IgnoresPartial(sink) },
];
