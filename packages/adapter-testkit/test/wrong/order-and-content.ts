import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { RightBatchAdapter } from '../right/right-adapter.js';
import type { WrongAdapter } from './wrong-adapter.js';

/** Answers before the sink has, and makes up for it in flush() and close(). */
class AnswersEarly extends RightBatchAdapter {
  override async logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.isClosed || typeof event !== 'object' || event === null || this.sink.refuses) return super.logEvent(event);
    void super.logEvent(event);
  }
}

class SortsByTime extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    await super.put(events, signal);
    const timeOf = (record: string): string => (JSON.parse(record) as { timestamp: string }).timestamp;
    this.sink.records.sort((one, other) => timeOf(one).localeCompare(timeOf(other)));
  }
}

class WholeSeconds extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    return super.text(event).replace(/\.\d{3}Z"/, '.000Z"');
  }
}

class Normalizes extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    return super.text(event).normalize('NFC');
  }
}

class Flattens extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    super.text(event);
    return JSON.stringify(event, (name, value: unknown) => {
      if (name !== 'metadata' || typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, each]: [string, unknown]) => [key, typeof each === 'object' && each !== null ? String(each) : each]));
    });
  }
}

class NeedsEverything extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    const { trace, details } = event;
    return super.text({ ...event, trace: { traceId: trace!.traceId, spanId: trace!.spanId }, details: { ...details, metadata: { ...details.metadata } } });
  }
}

class WritesUndefined extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    return super.text({ ...event, targetServiceId: `${event.targetServiceId}` });
  }
}

class SetsDates extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    event.timestamp.setUTCFullYear(1970);
    return super.text(event);
  }
}

class MarksEvents extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    const text = super.text(event);
    Reflect.set(event, 'sent', true);
    return text;
  }
}

class EmptiesList extends RightBatchAdapter {
  override async logEvents(events: readonly MeshAuditEvent[], options: { readonly signal: AbortSignal }): Promise<void> {
    await super.logEvents((events as MeshAuditEvent[]).splice(0), options);
  }
}

class OneAtATime extends RightBatchAdapter {
  #isBusy = false;

  override async logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.#isBusy && !this.isClosed) throw new MeshError('adapter_failed', 'a call is under way', { retryable: true });
    this.#isBusy = true;
    try {
      await super.logEvent(event);
    } finally {
      this.#isBusy = false;
    }
  }
}

class RefusesKnown extends RightBatchAdapter {
  readonly #known = new Set<string>();

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (events.some((event) => this.#known.has(event?.id))) throw new MeshError('adapter_failed', 'the document exists', { retryable: false });
    await super.put(events, signal);
    for (const { id } of events) this.#known.add(id);
  }
}

export const WRONG_CONTENTS: readonly WrongAdapter[] = [
  { fails: 'held-when-resolved', it: 'answers before the sink does', make: (sink) => new AnswersEarly(sink) },
  { fails: 'order-and-content', it: 'sorts by time', make: (sink) => new SortsByTime(sink) },
  { fails: 'order-and-content', it: 'cuts times to seconds', make: (sink) => new WholeSeconds(sink) },
  { fails: 'unicode', it: 'normalises text', make: (sink) => new Normalizes(sink) },
  { fails: 'nested-metadata', it: 'makes [object Object] of nested metadata', make: (sink) => new Flattens(sink) },
  { fails: 'optional-fields-missing', it: 'reads what is not there', make: (sink) => new NeedsEverything(sink) },
  { fails: 'optional-fields-missing', it: 'writes undefined as a text', make: (sink) => new WritesUndefined(sink) },
  { fails: 'input-untouched', it: "sets the event's date", make: (sink) => new SetsDates(sink) },
  { fails: 'input-untouched', it: 'marks events that it sent', make: (sink) => new MarksEvents(sink) },
  { fails: 'input-untouched', it: 'empties the list of a batch', make: (sink) => new EmptiesList(sink) },
  { fails: 'concurrent-calls', it: 'takes one call at a time', make: (sink) => new OneAtATime(sink) },
  { fails: 'same-event-again', it: 'refuses an event that it knows', make: (sink) => new RefusesKnown(sink) },
];
