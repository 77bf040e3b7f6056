import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { RightBatchAdapter } from '../right/right-adapter.js';
import type { WrongAdapter } from './wrong-adapter.js';

type BatchOptions = { readonly signal: AbortSignal };
const never = (): AbortSignal => new AbortController().signal;

class IgnoresAborted extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], { signal }: BatchOptions): Promise<void> {
    await super.logEvents(events, { signal: signal.aborted ? never() : signal });
  }
}

/** Takes an abort in the first turn for success. */
class ResolvesWhenAborted extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: BatchOptions): Promise<void> {
    options.signal.throwIfAborted();
    await Promise.resolve();
    if (!options.signal.aborted) await super.logEvents(events, options);
  }
}

class IgnoresAbort extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], { signal }: BatchOptions): Promise<void> {
    signal.throwIfAborted();
    await super.logEvents(events, { signal: never() });
  }

  override async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Waits for the batch before, for ever where that one was aborted. */
class StuckAfterAbort extends RightBatchAdapter {
  #before: Promise<void> = Promise.resolve();

  override async logEvents(events: readonly MeshAuditEvent[], { signal }: BatchOptions): Promise<void> {
    if (this.isClosed) return super.logEvents(events, { signal });
    signal.throwIfAborted();
    await this.#before;
    const delivery = super.logEvents(events, { signal });
    this.#before = delivery.catch(() => (signal.aborted ? new Promise<void>(() => undefined) : undefined));
    await delivery;
  }
}

/** Lets go of the caller, but close() still waits for the sink. */
class ClosesWhenAnswered extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], { signal }: BatchOptions): Promise<void> {
    signal.throwIfAborted();
    const delivery = super.logEvents(events, { signal: never() });
    const aborted = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    await Promise.race([delivery, aborted]);
  }
}

export const WRONG_WHEN_ABORTED: readonly WrongAdapter[] = [
  { fails: 'aborted-before', it: 'does not look whether the signal is aborted', make: (sink) => new IgnoresAborted(sink) },
  { fails: 'aborted-in-flight', it: 'resolves when it is aborted', make: (sink) => new ResolvesWhenAborted(sink) },
  { fails: 'aborted-while-hanging', it: 'ignores the signal', make: (sink) => new IgnoresAbort(sink) },
  { fails: 'usable-after-abort', it: 'waits for ever for what was aborted', make: (sink) => new StuckAfterAbort(sink) },
  { fails: 'closed-while-hanging', it: 'closes when the sink has answered', make: (sink) => new ClosesWhenAnswered(sink) },
];
