// Where the real servers are: on the PATH, or in a cache folder outside the repository that `install.mjs` fills.
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Each program with the Debian package that has it. */
export const PROGRAMS = {
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'prometheus-pushgateway': 'prometheus-pushgateway',
  'prometheus-alertmanager': 'prometheus-alertmanager',
};

/** The folder that the packages are unpacked into; `MESH_SERVICES_DIR` names another. */
export const cacheFolder = () => process.env.MESH_SERVICES_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'secure-stack-mesh', 'services');

/** The path of a program; `undefined` where there is none. */
export function programPath(name) {
  // Debian puts some servers where only root looks.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', join(cacheFolder(), 'usr', 'bin'), join(cacheFolder(), 'usr', 'sbin')];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

/** Names of the programs that are missing. */
export const missingPrograms = () => Object.keys(PROGRAMS).filter((name) => programPath(name) === undefined);

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
