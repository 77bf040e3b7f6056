import { AUDIT_EVENT_TYPES, ThrottledWarning, type AdapterContext, type AuditEventType, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { eventTest, type AuditEventFilter, type EventTest } from '../event-filter.js';
import { OptionProblems } from './option-problems.js';
import { Surroundings, type SurroundingsOptions } from './surroundings.js';
import { acceptedBy, WrappingAdapter } from './wrapping-adapter.js';

/** What a trail says of its own holes. Whoever gets part of the events needs it to tell what is missing from what was not meant for it. */
const HOLES = new Set(['audit.gap', 'audit.sampled']);

/**
 * Gives the inner adapter some of the events: those of the types named, or those a function says yes to. The function answers `true` or
 * `false` at once, the same each time it is asked of an event; where it throws or answers anything else, the event passes, with a warning.
 * Records of events that are missing (`audit.gap`, `audit.sampled`) always pass.
 */
export class FilterAdapter extends WrappingAdapter {
  readonly #filter: AuditEventFilter;
  readonly #surroundings: Surroundings;
  #passes: EventTest | undefined;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(inner: MonitoringAdapter, filter: AuditEventFilter, options: SurroundingsOptions = {}) {
    const problems = new OptionProblems();
    problems.adapter('inner', inner);
    if (Array.isArray(filter)) {
      filter.forEach((type: AuditEventType, index) => {
        if (!AUDIT_EVENT_TYPES.includes(type)) problems.add(`filter[${index}]`, `must be one of ${AUDIT_EVENT_TYPES.join(', ')}`);
      });
    } else if (typeof filter !== 'function') problems.add('filter', 'must be an array of event types or a function');
    problems.object('options', options, ['clock', 'logger']);
    problems.throwIfAny();
    super('filter', inner);
    this.#filter = Array.isArray(filter) ? Object.freeze([...(filter as readonly AuditEventType[])]) : filter;
    this.#surroundings = new Surroundings(options);
  }

  override accepts(event: MeshAuditEvent): boolean {
    if (event.eventType !== 'system' || !HOLES.has(event.details.action)) {
      this.#passes ??= this.#makeTest();
      if (!this.#passes(event)) return false;
    }
    return acceptedBy(this.inner, event);
  }

  override async start(context: AdapterContext): Promise<void> {
    this.#surroundings.adopt(context);
    this.#passes = undefined;
    await super.start(context);
  }

  #makeTest(): EventTest {
    const { clock, logger } = this.#surroundings;
    return eventTest(this.#filter, new ThrottledWarning(logger, clock));
  }
}
