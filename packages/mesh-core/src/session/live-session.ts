import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { InboundSession } from './inbound-session.js';
import type { OutboundSession } from './outbound-session.js';
import type { RetirementCause } from './session-delegate.js';

/** A session of either direction. */
export type LiveSession = InboundSession | OutboundSession;

/** Who hears of all sessions of a node. */
export interface SessionObserver {
  /** It stands. Never called for one that ended at once. */
  opened(session: LiveSession): void;
  /** Both ends have new keys. */
  rotated(session: LiveSession): void;
  /** Also of one that was never said to stand. */
  ended(session: LiveSession): void;
}

/** Names whoever could take the place of another's session: who is at the other end, and who dialled. */
export const placeOf = ({ session }: LiveSession): string => `${session.channel.role} ${session.peer.id}`;

/**
 * No new calls from here on: it ends after its last answer. Nothing is wrong with its peer, so that no call is cut short: each has a deadline, and
 * all of them end with the session's own time.
 */
export function replace(live: LiveSession, cause: RetirementCause): void {
  const { session } = live;
  if (session.state === 'closed' || session.state === 'closing') return;
  session.retiredFor ??= cause;
  live.retire(() => {});
}

/** No new calls from here on: it ends after its last answer, after `drainMs` at the latest. */
export function retireWithin(live: LiveSession, clock: Clock, drainMs: number, cause: RetirementCause): void {
  const { session } = live;
  if (session.state === 'closed' || session.state === 'closing') return;
  session.retiredFor ??= cause;
  const timer = clock.setTimeout(() => session.close(), drainMs);
  live.retire(() => timer.cancel());
}
