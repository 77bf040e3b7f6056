/** The kinds of audit event. A *security event* is anything but `message`. */
export const AUDIT_EVENT_TYPES = ['connection', 'message', 'key_rotation', 'rate_limit', 'circuit_breaker', 'error', 'system'] as const;

/** One of {@link AUDIT_EVENT_TYPES}. */
export type AuditEventType = (typeof AUDIT_EVENT_TYPES)[number];

/** What happened, in an audit event. */
export interface AuditEventDetails {
  /** Dotted name of what happened, e.g. `auth.failed`; the mesh's own are {@link AUDIT_ACTIONS}. */
  readonly action: string;
  readonly success: boolean;
  /** How long it took, in ms. */
  readonly duration?: number;
  readonly messageCount?: number;
  /** Why it failed: `reason: text`. */
  readonly error?: string;
  /** More, allow-listed and masked before it reaches any adapter. Never payloads. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** W3C trace context ids, in hex: 32 and 16 digits. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
}

/** One audit event, as every adapter gets it: frozen, redacted, numbered. */
export interface MeshAuditEvent {
  /** UUIDv7: time-ordered, and the idempotency key of every sink. */
  readonly id: string;
  /** Counts up per process without gaps: a gap is a loss. */
  readonly sequence: number;
  readonly timestamp: Date;
  readonly eventType: AuditEventType;
  readonly serviceId: string;
  /** The other service, where there is one: verified wherever the handshake got that far. */
  readonly targetServiceId?: string;
  readonly details: AuditEventDetails;
  readonly trace?: TraceContext;
}

/** What a part of the mesh says happened; the audit logger stamps the rest. */
export interface AuditEventInput {
  readonly eventType: AuditEventType;
  readonly targetServiceId?: string;
  readonly details: AuditEventDetails;
  readonly trace?: TraceContext;
}
