import { randomBytes } from 'node:crypto';
import { AUDIT_EVENT_TYPES, type AuditEventDetails, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { deepFreeze } from './deep-freeze.js';

const START_MS = Date.UTC(2026, 0, 1);
/** From one varied event's time to the next, in ms. Times repeat and go back, as they do when a clock is set: order is not to be had from them. */
const STEPS_MS = [1, 998, -5_000, 0, 86_400_000, 1, -1, 0];

/**
 * Events as a mesh hands them out: frozen, and numbered from 1. Those of {@link next} are easy to take (all fields, flat metadata, times in order), so
 * that an adapter that has trouble with one thing fails the case for that thing alone.
 */
export class SampleEvents {
  readonly serviceId: string;
  #sequence = 0;
  #variedMs = START_MS;
  readonly #run = randomBytes(6).toString('hex');

  constructor(serviceId: string) {
    this.serviceId = serviceId;
  }

  /** The next one, of every type in turn, with some of it as given. */
  next(details: Partial<AuditEventDetails> = {}, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
    const sequence = ++this.#sequence;
    const eventType = AUDIT_EVENT_TYPES[sequence % AUDIT_EVENT_TYPES.length] ?? 'system';
    return deepFreeze({
      id: this.#id(sequence),
      sequence,
      timestamp: new Date(START_MS + 1_000 * sequence),
      eventType,
      serviceId: this.serviceId,
      targetServiceId: 'payment-service',
      trace: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' },
      ...more,
      details: {
        action: `sample.${eventType}`,
        success: sequence % 3 !== 0,
        duration: 12,
        messageCount: 1,
        error: 'connection_lost: the other end went away',
        metadata: { method: 'charge', attempt: sequence },
        ...details,
      },
    });
  }

  /** One whose time and numbers are not round. */
  varied(): MeshAuditEvent {
    const next = this.#sequence + 1;
    this.#variedMs += STEPS_MS[next % STEPS_MS.length] ?? 0;
    return this.next({ action: `sample.varied-${next % 4}`, duration: next / 8, messageCount: next * 1_000 }, { timestamp: new Date(this.#variedMs) });
  }

  /** One with nothing, or but one thing, that is optional. */
  bare(kept: 'nothing' | 'metadata' | 'trace' | 'targetServiceId' | 'error'): MeshAuditEvent {
    const { id, sequence, timestamp, eventType, serviceId, targetServiceId, trace, details } = this.next();
    const { action, success, error, metadata } = details;
    return deepFreeze({
      id,
      sequence,
      timestamp,
      eventType,
      serviceId,
      ...(kept === 'targetServiceId' && targetServiceId !== undefined ? { targetServiceId } : {}),
      ...(kept === 'trace' && trace !== undefined ? { trace } : {}),
      details: {
        action,
        success,
        ...(kept === 'error' && error !== undefined ? { error } : {}),
        ...(kept === 'metadata' && metadata !== undefined ? { metadata } : {}),
      },
    });
  }

  /** UUIDv7 in form. */
  #id(sequence: number): string {
    const count = sequence.toString(16).padStart(8, '0');
    return `0194${count.slice(0, 4)}-${count.slice(4)}-7000-8000-${this.#run}`;
  }
}
