import type { MeshError } from '@lemur-bookstores/mesh-interface';

/** What somebody has to say: first what pages, then what ends it, then what only adds to it. */
export const TELLER_CALLS = ['trigger', 'resolve', 'update', 'change'] as const;

/** One of {@link TELLER_CALLS}. */
export type TellerCall = (typeof TELLER_CALLS)[number];

/** Something that is told to PagerDuty, call by call: one at a time. */
export interface Teller {
  readonly key: string;
  /** The higher, the earlier is its trigger. */
  readonly rank: number;
  /** Why it was not taken, for good, the last time; `undefined` once it was. */
  readonly refusal: MeshError | undefined;
  /** The call that is to be made now; none while one is under way. */
  owes(now: number): TellerCall | undefined;
  /** When time alone will change that, later than now; `Infinity` if it will not. */
  dueAt(now: number): number;
  /** Does what time has brought. */
  tick(now: number): void;
  begun(call: TellerCall, now: number): void;
  told(now: number): void;
  failed(): void;
  refused(error: MeshError, now: number): void;
}
