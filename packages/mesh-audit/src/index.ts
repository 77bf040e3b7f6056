export { AuditLogger } from './audit-logger.js';
export type { AuditLoggerOptions } from './audit-options.js';
export type { AuditEventFilter } from './event-filter.js';
export type { NameMaskOptions } from './name-mask.js';
export type { RedactionOptions } from './redaction.js';
