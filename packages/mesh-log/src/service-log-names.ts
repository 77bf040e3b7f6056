import { createHash, randomBytes } from 'node:crypto';
import type { LogNaming } from './log-options.js';

/** Longer names of folders are cut: file systems end at 255 bytes, and `-2` and the like come behind. */
const MAX_NAME_BYTES = 200;
/** Chance that makes one log's origin differ from all others'. */
const ID_BYTES = 8;

/**
 * The name of a service's folder: its id where that is one of a mesh's, else with all but letters, digits, `.`, `_` and `-` written as `%XX`, a dot in front
 * too, so that no id leads out of the folder of logs.
 */
export function logFolder(serviceId: string): string {
  const name = Buffer.from(serviceId).toString('latin1').replace(/[^A-Za-z0-9._-]|^\./g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  if (name === '') return '%';
  if (name.length <= MAX_NAME_BYTES) return name;
  return `${name.slice(0, MAX_NAME_BYTES - 17)}~${createHash('sha256').update(serviceId).digest('hex').slice(0, 16)}`;
}

/**
 * Names the logs of a service: `<prefix>/<service>/<id>`. The id is made by chance where a log begins and stands in it from then on: services with
 * the same id on many hosts, and a log begun anew, have origins of their own, and each log keeps its own over restarts.
 * @param onOther told of a log that is not this service's, and is left alone
 */
export function logNaming(prefix: string, serviceId: string, onOther: (origin: string) => void): LogNaming {
  const start = `${prefix}/${logFolder(serviceId)}/`;
  return (found) => {
    if (found === undefined) return start + randomBytes(ID_BYTES).toString('hex');
    if (found.startsWith(start)) return found;
    onOther(found);
    return undefined;
  };
}
