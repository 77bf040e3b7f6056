import type { OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { CryptoManager } from './crypto-manager.js';
import { isLocal } from './identity-source.js';
import type { CompleteOptions } from './validate-options.js';

/** Says in log and trail that a production mesh was told to use the local trust domain. */
export function noteLocalTrust({ identity, logger }: CompleteOptions, crypto: CryptoManager, audit: OwnAuditSink): void {
  if (identity === undefined || !isLocal(identity) || process.env['NODE_ENV'] !== 'production') return;
  logger.warn('production with the local trust domain: every process of this user can take any identity in it');
  audit.record({ eventType: 'system', details: { action: 'system.local_trust_domain', success: true, metadata: { peerId: crypto.id } } });
}
