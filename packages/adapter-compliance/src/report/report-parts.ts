import type { AuditLogHead, CoverageGap, Finding, KeyChange, TrailChange } from './compliance-report.js';
import type { Gap } from './coverage.js';
import { KeyRows, type Window } from './key-rows.js';
import { Selection } from './selection.js';

/** Audit logs of all services of a report. */
const MAX_HEADS = 256;
/** Of each of the other lists. */
const MAX_GAPS = 1000;

/** What a report is put together from: filled by the reading of each ledger, bounded whatever those hold. */
export class ReportParts {
  readonly window: Window;
  readonly keys: KeyRows;
  readonly findings: Selection<Finding>;
  readonly changes: Selection<KeyChange>;
  readonly gaps = new Selection<CoverageGap>(MAX_GAPS);
  readonly trail = new Selection<TrailChange>(MAX_GAPS);
  readonly #heads = new Map<string, AuditLogHead>();
  #headsNotListed = 0;

  /** @param now ms since 1970 */
  constructor(window: Window, now: number, maxRows: number) {
    this.window = window;
    this.findings = new Selection(maxRows);
    this.changes = new Selection(maxRows);
    this.keys = new KeyRows(window, now, maxRows, this.findings);
  }

  /** The newest of each audit log. */
  get heads(): AuditLogHead[] {
    return [...this.#heads.values()].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  }

  get headsNotListed(): number {
    return this.#headsNotListed;
  }

  gap(service: string, ledger: string, { kind, from, to, text }: Gap): void {
    this.gaps.add({ service, ledger, kind, from: new Date(from).toISOString(), to: new Date(to).toISOString(), text });
  }

  head(head: AuditLogHead): void {
    const name = nameOf(head);
    const known = this.#heads.get(name);
    if (known === undefined && this.#heads.size >= MAX_HEADS) {
      this.#headsNotListed += 1;
      return;
    }
    if (known === undefined || head.size >= known.size) this.#heads.set(name, head);
  }
}

const nameOf = ({ service, origin }: AuditLogHead): string => JSON.stringify([service, origin]);
