import { MeshError, escapeControls, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { isoTime } from './iso-time.js';

/** Names that a record has of its own. */
const RESERVED = ['n', 'prev', 'log'];

/**
 * The event's JSON, on one line whatever its texts hold: characters that are unsafe to show stand there in JSON's own escapes, and parsing gives them back.
 * @throws MeshError `log_record_invalid`: permanent
 */
export function auditEventJson(event: MeshAuditEvent): string {
  try {
    for (const name of RESERVED) if (Object.hasOwn(event, name)) throw new Error(`it has a member '${name}'`);
    // The date is most of what JSON.stringify does here, and the same as text but for a copy of the event.
    const time = event.timestamp instanceof Date ? event.timestamp.getTime() : Number.NaN;
    const json = JSON.stringify(Number.isNaN(time) ? event : { ...event, timestamp: isoTime(time) });
    return isPlain(json) ? json : escapeControls(json);
  } catch (cause) {
    throw new MeshError('log_record_invalid', `the event cannot be logged: ${MeshError.from(cause).text}`, { cause });
  }
}

/** Only ASCII, of which JSON leaves nothing but DEL unescaped: found out ten times faster than by a regular expression. */
const isPlain = (json: string): boolean => Buffer.byteLength(json) === json.length && !json.includes('\u007f');
