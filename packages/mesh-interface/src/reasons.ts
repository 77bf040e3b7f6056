/** Canonical error codes, by gRPC's names (https://grpc.io/docs/guides/status-codes/), in the order of its numbers from 1 on. */
export const MESH_ERROR_CODES = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** One of {@link MESH_ERROR_CODES}. */
export type MeshErrorCode = (typeof MESH_ERROR_CODES)[number];

/**
 * Every reason this product gives, with the code it belongs to. `docs/errors.md` has an entry for each, and a test keeps the two
 * equal. Reasons are the contract; messages are for people and may change.
 */
export const REASONS = {
  // Options and life cycle
  invalid_option: 'INVALID_ARGUMENT',
  not_initialized: 'FAILED_PRECONDITION',
  already_initialized: 'FAILED_PRECONDITION',
  mesh_closed: 'FAILED_PRECONDITION',
  port_in_use: 'FAILED_PRECONDITION',
  listen_failed: 'FAILED_PRECONDITION',
  duplicate_handler: 'ALREADY_EXISTS',
  reserved_name: 'INVALID_ARGUMENT',
  duplicate_check: 'INVALID_ARGUMENT',
  // Own identity
  identity_required: 'FAILED_PRECONDITION',
  identity_invalid: 'FAILED_PRECONDITION',
  identity_unreadable: 'FAILED_PRECONDITION',
  key_overdue: 'FAILED_PRECONDITION',
  keys_dir_unsafe: 'FAILED_PRECONDITION',
  runtime_dir_unsafe: 'FAILED_PRECONDITION',
  // Trust in the peer
  peer_untrusted: 'UNAUTHENTICATED',
  peer_mismatch: 'UNAUTHENTICATED',
  certificate_expired: 'UNAUTHENTICATED',
  certificate_not_yet_valid: 'UNAUTHENTICATED',
  certificate_invalid: 'UNAUTHENTICATED',
  pin_mismatch: 'UNAUTHENTICATED',
  signature_invalid: 'UNAUTHENTICATED',
  handshake_invalid: 'UNAUTHENTICATED',
  unsupported_protocol: 'UNAUTHENTICATED',
  reflected_handshake: 'UNAUTHENTICATED',
  handshake_rejected: 'UNAVAILABLE',
  handshake_timeout: 'UNAVAILABLE',
  admission_limited: 'RESOURCE_EXHAUSTED',
  // Connections and sessions
  connect_failed: 'UNAVAILABLE',
  connect_timeout: 'UNAVAILABLE',
  connection_lost: 'UNAVAILABLE',
  connection_truncated: 'UNAVAILABLE',
  keepalive_timeout: 'UNAVAILABLE',
  session_closed: 'UNAVAILABLE',
  record_invalid: 'DATA_LOSS',
  protocol_violation: 'INTERNAL',
  nonce_exhausted: 'RESOURCE_EXHAUSTED',
  key_expired: 'UNAVAILABLE',
  send_queue_full: 'RESOURCE_EXHAUSTED',
  too_many_calls: 'RESOURCE_EXHAUSTED',
  // Calls
  unknown_service: 'NOT_FOUND',
  no_endpoint: 'UNAVAILABLE',
  unknown_method: 'UNIMPLEMENTED',
  unknown_part: 'NOT_FOUND',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  handler_failed: 'INTERNAL',
  body_invalid: 'INVALID_ARGUMENT',
  input_invalid: 'INVALID_ARGUMENT',
  body_too_large: 'RESOURCE_EXHAUSTED',
  result_invalid: 'INTERNAL',
  /** For handlers that refuse a peer. */
  permission_denied: 'PERMISSION_DENIED',
  // Resilience
  circuit_open: 'UNAVAILABLE',
  rate_limited: 'RESOURCE_EXHAUSTED',
  overloaded: 'RESOURCE_EXHAUSTED',
  // Health
  unhealthy: 'UNAVAILABLE',
  // Admin endpoint, and who asks it
  admin_unauthenticated: 'UNAUTHENTICATED',
  admin_forbidden: 'PERMISSION_DENIED',
  admin_not_found: 'NOT_FOUND',
  admin_request_invalid: 'INVALID_ARGUMENT',
  admin_unreachable: 'UNAVAILABLE',
  admin_answer_invalid: 'INTERNAL',
  // Discovery
  discovery_failed: 'UNAVAILABLE',
  // Audit delivery
  adapter_failed: 'UNAVAILABLE',
  adapter_timeout: 'DEADLINE_EXCEEDED',
  /** A remote service and what it is sent. */
  sink_unauthenticated: 'UNAUTHENTICATED',
  sink_not_found: 'NOT_FOUND',
  sink_refused: 'INVALID_ARGUMENT',
  sink_too_large: 'INVALID_ARGUMENT',
  queue_full: 'RESOURCE_EXHAUSTED',
  audit_unavailable: 'UNAVAILABLE',
  spill_failed: 'UNAVAILABLE',
  // Audit log on disk
  log_locked: 'FAILED_PRECONDITION',
  log_key_missing: 'FAILED_PRECONDITION',
  log_tampered: 'DATA_LOSS',
  log_write_failed: 'UNAVAILABLE',
  log_record_invalid: 'INVALID_ARGUMENT',
  log_closed: 'FAILED_PRECONDITION',
  note_invalid: 'INVALID_ARGUMENT',
  // Primitives
  invalid_key: 'INVALID_ARGUMENT',
  decrypt_failed: 'DATA_LOSS',
  self_test_failed: 'INTERNAL',
  // Anything thrown by somebody else
  unexpected: 'UNKNOWN',
} as const satisfies Record<string, MeshErrorCode>;

/** A reason of {@link REASONS}. */
export type MeshErrorReason = keyof typeof REASONS;
