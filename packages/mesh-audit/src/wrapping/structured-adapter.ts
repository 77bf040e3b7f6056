import { MeshError, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { swallowRejection } from '../swallow-rejection.js';
import { checkEvent } from './check-event.js';
import { OptionProblems, shown } from './option-problems.js';
import { structuredRecord, type StructuredRecord } from './structured-record.js';

/** Where a {@link StructuredAdapter} puts its records: a function, or a logger's method `log`. */
export type StructuredTarget<Record = StructuredRecord> = ((record: Record) => unknown) | { log(record: Record): unknown };

/**
 * Brings each event into a form of the user's own and hands that to a function or logger. Resolves when the target's answer does. What the
 * target throws is tried again like any adapter's failure; a mapper that throws fails for good for that event, which becomes a dead letter.
 */
export class StructuredAdapter<Record = StructuredRecord> implements ManagedAdapter {
  readonly name = 'structured';
  readonly #put: (record: Record) => unknown;
  readonly #map: (event: MeshAuditEvent) => Record;

  /**
   * @param map makes a record of an event, at once. Default: {@link structuredRecord}
   * @throws MeshError `invalid_option` that names every problem
   */
  constructor(target: StructuredTarget<Record>, ...[map]: StructuredRecord extends Record ? [map?: (event: MeshAuditEvent) => Record] : [map: (event: MeshAuditEvent) => Record]) {
    const problems = new OptionProblems();
    problems.target('target', target, 'log');
    if (map !== undefined && typeof map !== 'function') problems.add('map', 'must be a function');
    problems.throwIfAny();
    this.#put = typeof target === 'function' ? (record) => target(record) : (record) => target.log(record);
    this.#map = map ?? (structuredRecord as (event: MeshAuditEvent) => Record);
  }

  /** @throws MeshError `adapter_failed`, permanent, where the mapper throws or answers with nothing or a promise; else what the target throws */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    checkEvent(event);
    let record: Record;
    try {
      record = this.#map(event);
    } catch (error) {
      throw new MeshError('adapter_failed', 'the mapper of the structured adapter threw', { cause: error, retryable: false });
    }
    if (record === undefined || record === null || record instanceof Promise) {
      swallowRejection(record);
      const answer = record instanceof Promise ? 'a promise' : shown(record);
      throw new MeshError('adapter_failed', `the mapper of the structured adapter must answer with a record at once, not with ${answer}`, { retryable: false });
    }
    await this.#put(record);
  }
}
