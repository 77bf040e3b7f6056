import type { MeshError } from '@lemur-bookstores/mesh-interface';
import type { OutboundSession } from '../session/outbound-session.js';

/** A call that waits for a session. */
export interface SessionWaiter {
  onSession(session: OutboundSession): void;
  onNoSession(error: MeshError): void;
}
