import type { MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { AdapterDescription } from '../../src/adapter-description.js';
import type { AdapterSupport } from '../../src/adapter-support.js';
import { MemorySink } from './memory-sink.js';

export const KEY = 'sk-"Kf93/hW+q0Zt\\8vLmX2';

export const PLAIN: AdapterSupport = { failures: ['retryable', 'permanent', 'throttled'], hanging: true };
export const BATCHES: AdapterSupport = { batches: true, failures: ['retryable', 'permanent', 'throttled', 'partial'], hanging: true };
export const FULL: AdapterSupport = { ...BATCHES, durable: true, filters: true, metrics: true };

/** A memory sink with adapters of this making in front of it. */
export function memorySubject(supports: AdapterSupport, make: (sink: MemorySink, key: string) => MonitoringAdapter): Omit<AdapterDescription, 'name' | 'runner'> {
  return {
    supports,
    create: () => {
      const sink = new MemorySink();
      const { received, fail, hang, release } = sink;
      return { construct: () => make(sink, KEY), received, fail, hang, release, secrets: [KEY] };
    },
  };
}
