import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { RightAdapter, RightBatchAdapter } from '../right/right-adapter.js';
import { PLAIN } from '../right/subjects.js';
import type { WrongAdapter } from './wrong-adapter.js';

class StripsControls extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    super.text(event);
    return JSON.stringify(event, (_name, value: unknown) => (typeof value === 'string' ? value.replace(/\p{Cc}/gu, '') : value));
  }
}

/** Writes an event as lines of `name=value`; what holds a line end becomes two records. */
class SplitsLines extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    await super.put(events, signal);
    for (const { details } of events) if (details.action.includes('\n')) this.sink.records.push(JSON.stringify(details.action.split('\n')[1]));
  }
}

class CutsLarge extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    super.text(event);
    return JSON.stringify(event, (_name, value: unknown) => (typeof value === 'string' ? value.slice(0, 65_536) : value));
  }
}

class TriesLargeAgain extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    const text = super.text(event);
    if (text.length > 65_536) throw new MeshError('adapter_failed', '413 Payload Too Large', { retryable: true });
    return text;
  }
}

class StuckAfterLarge extends RightBatchAdapter {
  #isStuck = false;

  protected override text(event: MeshAuditEvent): string {
    const text = super.text(event);
    this.#isStuck ||= text.length > 65_536;
    if (this.#isStuck) throw new MeshError('adapter_failed', 'too large', { retryable: false });
    return text;
  }
}

const terminal = { ...PLAIN, terminal: true };
const lines = (records: readonly string[]): string => records.map((record) => `${record}\n`).join('');

export const WRONG_WITH_HOSTILE_EVENTS: readonly WrongAdapter[] = [
  { fails: 'hostile-text', it: 'strips control characters', make: (sink) => new StripsControls(sink) },
  { fails: 'hostile-text', it: 'makes two records of an event with a line end', make: (sink) => new SplitsLines(sink) },
  { fails: 'no-raw-control', it: 'shows JSON as it is', supports: terminal, screen: ({ records }) => lines(records), make: (sink) => new RightAdapter(sink) },
  { fails: 'no-raw-control', it: 'does not end its lines', supports: terminal, screen: ({ records }) => ' '.repeat(records.length), make: (sink) => new RightAdapter(sink) },
  { fails: 'event-of-1-mib', it: 'cuts what is large', make: (sink) => new CutsLarge(sink) },
  { fails: 'event-of-1-mib', it: 'would try for ever what is too large', make: (sink) => new TriesLargeAgain(sink) },
  { fails: 'event-of-1-mib', it: 'refuses what is large, and everything after it', make: (sink) => new StuckAfterLarge(sink) },
];
