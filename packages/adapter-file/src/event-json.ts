import { MeshError, escapeControls, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** Names that a record has of its own. */
const RESERVED = ['n', 'prev', 'log'];

/**
 * The event's JSON on one line, whatever its texts hold: what is unsafe to show stands there in JSON's own escapes, and parsing gives it back.
 * @throws MeshError `log_record_invalid`: permanent
 */
export function eventJson(event: MeshAuditEvent): string {
  let json: string | undefined;
  try {
    for (const name of RESERVED) if (Object.hasOwn(event, name)) throw new Error(`it has a member '${name}'`);
    json = JSON.stringify(event);
  } catch (cause) {
    throw new MeshError('log_record_invalid', `the event cannot be logged: ${MeshError.from(cause).text}`, { cause });
  }
  return escapeControls(json);
}
