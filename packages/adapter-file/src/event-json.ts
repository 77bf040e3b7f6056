import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** What a terminal, a pager or an editor acts on and JSON.stringify leaves as it is: DEL, C1, format characters (bidi among them), line separators. */
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/u;
const UNSAFE_ALL = new RegExp(UNSAFE, 'gu');
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
  return UNSAFE.test(json) ? json.replace(UNSAFE_ALL, escaped) : json;
}

/** Both halves where the character takes two. */
function escaped(character: string): string {
  let text = '';
  for (let index = 0; index < character.length; index++) text += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  return text;
}
