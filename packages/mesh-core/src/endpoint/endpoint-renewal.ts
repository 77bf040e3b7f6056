import type { ClockTimer } from '@lemur-bookstores/mesh-interface';
import type { RetirementCause } from '../session/session-delegate.js';

/** What is done about replacing a session that works. */
export type Renewal =
  | { readonly type: 'none' }
  | { readonly type: 'dialling'; readonly cause: RetirementCause }
  /** The dial before failed. */
  | { readonly type: 'waiting'; readonly cause: RetirementCause; readonly timer: ClockTimer };

export const NO_RENEWAL: Renewal = { type: 'none' };

/** Lets no wait of it go on. */
export function endWait(renewal: Renewal): void {
  if (renewal.type === 'waiting') renewal.timer.cancel();
}
