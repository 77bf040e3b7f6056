import type { OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { BreakerTransition } from './breaker.js';

/** Writes each transition of a breaker to the audit trail. */
export function recordTransition(audit: OwnAuditSink, transition: BreakerTransition): void {
  if (!audit.enabled) return;
  const { service, endpoint, from, to, failures, error, durationMs } = transition;
  const metadata = { direction: 'outbound', endpoint };
  switch (to) {
    case 'open': {
      const reason = error?.reason ?? 'unexpected';
      const text = `circuit_open: ${failures} ${failures === 1 ? 'call' : 'calls'} failed, the last with ${reason}`;
      const more = { from, failures, lastReason: reason, openForMs: Math.round(durationMs) };
      audit.record({ eventType: 'circuit_breaker', targetServiceId: service, details: { action: 'breaker.opened', success: false, error: text, metadata: { ...metadata, ...more } } });
      return;
    }
    case 'half-open':
      audit.record({ eventType: 'circuit_breaker', targetServiceId: service, details: { action: 'breaker.half_open', success: true, duration: durationMs, metadata } });
      return;
    case 'closed':
      audit.record({ eventType: 'circuit_breaker', targetServiceId: service, details: { action: 'breaker.closed', success: true, duration: durationMs, metadata } });
  }
}
