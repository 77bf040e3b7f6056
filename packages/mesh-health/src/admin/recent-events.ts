import type { AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** What to take of the newest events. */
export interface RecentEventsQuery {
  /** Default: all types. */
  readonly type?: AuditEventType | undefined;
  /** How many at most. */
  readonly limit: number;
}

/** Events of either kind that are kept. */
export const RECENT_EVENTS = 1_000;

/** Keeps the newest audit events in memory. Calls do not push out what happened to keys, peers and the mesh: each kind has a ring of its own. */
export class RecentEvents {
  readonly #messages = new Ring<MeshAuditEvent>(RECENT_EVENTS);
  readonly #others = new Ring<MeshAuditEvent>(RECENT_EVENTS);

  add(event: MeshAuditEvent): void {
    (event.eventType === 'message' ? this.#messages : this.#others).add(event);
  }

  /** The newest that fit, oldest first. */
  take({ type, limit }: RecentEventsQuery): readonly MeshAuditEvent[] {
    const events = [...(type === undefined || type === 'message' ? this.#messages.all() : []), ...(type === 'message' ? [] : this.#others.all())];
    return events
      .filter(({ eventType }) => type === undefined || eventType === type)
      .sort((a, b) => a.sequence - b.sequence)
      .slice(-limit);
  }
}

/** The newest of what was added. */
class Ring<Item> {
  readonly #size: number;
  readonly #items: Item[] = [];
  /** Of the oldest, once it is full. */
  #first = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(item: Item): void {
    if (this.#items.length < this.#size) return void this.#items.push(item);
    this.#items[this.#first] = item;
    this.#first = (this.#first + 1) % this.#size;
  }

  all(): Item[] {
    return [...this.#items.slice(this.#first), ...this.#items.slice(0, this.#first)];
  }
}
