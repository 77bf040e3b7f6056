import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { OutboundSession } from './outbound-session.js';

/** Resolves once a session has given its last answer and closed; after `drainMs` it is closed whatever is left. */
export function drained(session: OutboundSession, drainMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (session.session.state === 'closed') return resolve();
    const timer = clock.setTimeout(() => session.session.close(), drainMs);
    session.drain(() => {
      timer.cancel();
      resolve();
    });
  });
}
