import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { MemorySink } from '../right/memory-sink.js';
import { RightBatchAdapter } from '../right/right-adapter.js';
import type { WrongAdapter } from './wrong-adapter.js';

/** The client of a module that knows one: the last that was made. */
let shared: MemorySink | undefined;

class SharesClient extends RightBatchAdapter {
  constructor(sink: MemorySink) {
    super(sink);
    shared = sink;
  }

  protected override text(event: MeshAuditEvent): string {
    const text = super.text(event);
    if (shared !== this.sink) shared?.records.push(text);
    return text;
  }
}

let isModuleClosed = false;

class ClosesAll extends RightBatchAdapter {
  constructor(sink: MemorySink) {
    super(sink);
    isModuleClosed = false;
  }

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (isModuleClosed) throw new MeshError('adapter_failed', 'the connection pool is closed', { retryable: false });
    await super.put(events, signal);
  }

  override async close(): Promise<void> {
    await super.close();
    isModuleClosed = true;
  }
}

export const WRONG_BESIDE_OTHERS: readonly WrongAdapter[] = [
  { fails: 'two-share-nothing', it: 'shares its client', make: (sink) => new SharesClient(sink) },
  { fails: 'closed-alone', it: 'closes a pool that all use', make: (sink) => new ClosesAll(sink) },
];
