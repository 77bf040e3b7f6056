import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeshError, type AdapterContext, type ClockTimer, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { MemorySink } from '../right/memory-sink.js';
import { RightAdapter, RightBatchAdapter } from '../right/right-adapter.js';
import { PLAIN } from '../right/subjects.js';
import type { WrongAdapter } from './wrong-adapter.js';

/** What wrong adapters leave behind on purpose: for the test to clear away. */
export const leftBehind: (() => void)[] = [];

class TimerInConstructor extends RightBatchAdapter {
  readonly #timer = setInterval(() => undefined, 60_000).unref();

  override async close(): Promise<void> {
    clearInterval(this.#timer);
    await super.close();
  }
}

class FileInConstructor extends RightBatchAdapter {
  constructor(sink: MemorySink, directory: string) {
    super(sink);
    writeFileSync(join(directory, 'opened'), '');
  }
}

class NeedsStart extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (this.logger === undefined) throw new MeshError('adapter_failed', 'not started', { retryable: true });
    await super.put(events, signal);
  }
}

class StartsAnew extends RightBatchAdapter {
  #isInUse = false;

  override async start(context: AdapterContext): Promise<void> {
    if (this.#isInUse) this.sink.records = [];
    await super.start(context);
  }

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    this.#isInUse = true;
    await super.put(events, signal);
  }
}

class FlushesAtOnce extends RightBatchAdapter {
  override flush(): Promise<void> {
    return Promise.resolve();
  }
}

class ClosesOnce extends RightBatchAdapter {
  override async close(): Promise<void> {
    if (this.isClosed) throw new Error('closed already');
    await super.close();
  }
}

class GoesOnAfterClose extends RightBatchAdapter {
  override async close(): Promise<void> {
    await super.close();
    this.isClosed = false;
  }
}

class SilentAfterClose extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (!this.isClosed) await super.put(events, signal);
  }
}

class WritesAfterClose extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (this.isClosed) this.sink.records.push(...events.map((event) => JSON.stringify(event)));
    await super.put(events, signal);
  }
}

class HangsAfterClose extends RightBatchAdapter {
  protected override put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    return this.isClosed ? new Promise(() => undefined) : super.put(events, signal);
  }
}

class PlainErrorAfterClose extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (this.isClosed) throw new Error('the adapter is closed');
    await super.put(events, signal);
  }
}

/** Queues calls of logEvent() made at the same time; what is queued when it closes is given up, and said to be taken. */
class LosesQueueAtClose extends RightBatchAdapter {
  #last: Promise<void> = Promise.resolve();

  override logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.isClosed) return super.logEvent(event);
    const delivery = this.#last.then(() => (this.isClosed ? undefined : super.logEvent(event)));
    this.#last = delivery.catch(() => undefined);
    return this.track(delivery);
  }
}

/** The same, but nobody hears of it. */
class ForgetsQueueAtClose extends RightAdapter {
  #queued = 0;

  override async logEvent(event: MeshAuditEvent): Promise<void> {
    const place = this.#queued++;
    await super.logEvent(event);
    if (this.isClosed && place > 5) await new Promise(() => undefined);
  }
}

class TruncatesSink extends RightBatchAdapter {
  #isOpen = false;

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (!this.#isOpen && !this.isClosed) this.sink.records = [];
    this.#isOpen = true;
    await super.put(events, signal);
  }
}

class HoldsProcess extends RightBatchAdapter {
  #timer: NodeJS.Timeout | undefined;

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (!this.isClosed) this.#timer ??= setInterval(() => undefined, 60_000);
    await super.put(events, signal);
  }

  override async close(): Promise<void> {
    clearInterval(this.#timer);
    await super.close();
  }
}

class LeavesTimer extends RightBatchAdapter {
  override async close(): Promise<void> {
    if (!this.isClosed) {
      const timer = setTimeout(() => undefined, 60_000);
      leftBehind.push(() => clearTimeout(timer));
    }
    await super.close();
  }
}

class LeavesClockTimer extends RightBatchAdapter {
  override async start(context: AdapterContext): Promise<void> {
    const timer: ClockTimer = context.clock.setTimeout(() => undefined, 60_000);
    leftBehind.push(() => timer.cancel());
    await super.start(context);
  }
}

class ListensForExit extends RightBatchAdapter {
  readonly #flush = (): void => void this.flush();

  override async start(context: AdapterContext): Promise<void> {
    process.on('beforeExit', this.#flush);
    leftBehind.push(() => process.off('beforeExit', this.#flush));
    await super.start(context);
  }
}

export const WRONG_LIFE_CYCLES: readonly WrongAdapter[] = [
  { fails: 'construct-without-io', it: 'starts a timer when constructed', make: (sink) => new TimerInConstructor(sink) },
  { fails: 'construct-without-io', it: 'opens its file when constructed', make: (sink, _key, { directory }) => new FileInConstructor(sink, directory) },
  { fails: 'works-without-start', it: 'needs start()', make: (sink) => new NeedsStart(sink) },
  { fails: 'start-after-events', it: 'begins anew at start()', make: (sink) => new StartsAnew(sink) },
  { fails: 'flush-waits', it: 'flushes nothing', make: (sink) => new FlushesAtOnce(sink) },
  { fails: 'close-twice', it: 'rejects the second close()', make: (sink) => new ClosesOnce(sink) },
  { fails: 'use-after-close', it: 'goes on after close()', make: (sink) => new GoesOnAfterClose(sink) },
  { fails: 'use-after-close', it: 'takes events after close() and drops them', make: (sink) => new SilentAfterClose(sink) },
  { fails: 'use-after-close', it: 'writes after close() what it refuses', make: (sink) => new WritesAfterClose(sink) },
  { fails: 'use-after-close', it: 'hangs after close()', make: (sink) => new HangsAfterClose(sink) },
  { fails: 'use-after-close', it: 'would be tried again after close()', make: (sink) => new PlainErrorAfterClose(sink) },
  { fails: 'close-during-delivery', it: 'says that it took what it gave up at close()', make: (sink) => new LosesQueueAtClose(sink) },
  { fails: 'close-during-delivery', it: 'leaves calls without an answer at close()', supports: PLAIN, make: (sink) => new ForgetsQueueAtClose(sink) },
  { fails: 'successor-adds', it: 'empties the sink before its first event', make: (sink) => new TruncatesSink(sink) },
  { fails: 'process-not-held', it: 'has a timer that keeps the process alive', make: (sink) => new HoldsProcess(sink) },
  { fails: 'nothing-left-after-close', it: 'starts a timer as it closes', make: (sink) => new LeavesTimer(sink) },
  { fails: 'nothing-left-after-close', it: 'leaves a timer of the clock', make: (sink) => new LeavesClockTimer(sink) },
  { fails: 'process-listeners-removed', it: 'goes on listening for the end of the process', make: (sink) => new ListensForExit(sink) },
];
