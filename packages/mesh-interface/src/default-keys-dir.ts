import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Where keys live unless `paths.keysDir` says otherwise: `MESH_KEYS_DIR`, else `secure-stack-mesh/keys` in the user's data folder
 * (`XDG_DATA_HOME`, else `~/.local/share`). Empty variables count as absent, and so does a relative `XDG_DATA_HOME` (XDG base
 * directory specification). Touches no file. It is here because parts that may not know each other share the folder: the CA and the audit log.
 * @param env default `process.env`
 * @returns an absolute path
 */
export function defaultKeysDir(env: NodeJS.ProcessEnv = process.env): string {
  const { MESH_KEYS_DIR: own = '', XDG_DATA_HOME: xdg = '', HOME: home = '' } = env;
  if (own !== '') return resolve(own);
  const dataHome = isAbsolute(xdg) ? xdg : join(home === '' ? homedir() : home, '.local', 'share');
  return join(dataHome, 'secure-stack-mesh', 'keys');
}
