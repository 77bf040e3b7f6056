import type { ChannelFactory, Clock, IdentityChange, Logger, MeshError, OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { InboundSession } from './inbound-session.js';
import type { OutboundSession } from './outbound-session.js';

export interface IdentityWatchParts {
  readonly channels: ChannelFactory;
  readonly clock: Clock;
  readonly audit: OwnAuditSink;
  readonly logger: Logger;
  readonly drainMs: number;
  /** All live sessions. */
  sessions(): readonly (InboundSession | OutboundSession)[];
}

/**
 * Follows the own identity (PROTOCOL 6.4): on a change every live peer's chain is verified again under the bundle of now. Who fails
 * is drained, then closed; all of it is audited.
 */
export class IdentityWatch {
  readonly #parts: IdentityWatchParts;
  #end: (() => void) | undefined;

  constructor(parts: IdentityWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#end ??= this.#parts.channels.onIdentityChange((change) => this.#onChange(change));
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
  }

  #onChange(change: IdentityChange): void {
    const { audit } = this.#parts;
    if (change.type === 'refused') {
      audit.record({ eventType: 'system', details: { action: 'identity.refused', success: false, error: change.error.message, metadata: { reason: change.error.reason } } });
      return;
    }
    const { id: peerId, notAfter } = change;
    audit.record({ eventType: 'system', details: { action: 'identity.changed', success: true, metadata: { peerId, notAfter: new Date(notAfter).toISOString() } } });
    for (const owner of this.#parts.sessions()) {
      const failure = owner.session.channel.reverify();
      if (failure !== undefined) this.#revoke(owner, failure);
    }
  }

  #revoke(owner: InboundSession | OutboundSession, failure: MeshError): void {
    const { audit, clock, drainMs, logger } = this.#parts;
    const { serviceId, id: peerId } = owner.peer;
    const direction = owner.session.channel.role === 'initiator' ? 'outbound' : 'inbound';
    logger.warn(`${peerId} is not trusted any more: ${failure.message}`, { reason: failure.reason });
    audit.record({
      eventType: 'connection',
      targetServiceId: serviceId,
      details: { action: 'auth.revoked', success: false, error: failure.message, metadata: { direction, address: owner.session.remoteAddress, peerId, reason: failure.reason } },
    });
    const timer = clock.setTimeout(() => owner.session.close(), drainMs);
    owner.retire(() => timer.cancel());
  }
}
