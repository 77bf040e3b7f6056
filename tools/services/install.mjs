// Gets the real servers that some tests need: Debian's packages, and Elasticsearch with Maven, unpacked into a cache folder outside the repository. Nothing is installed in the
// system and nothing is started; those of Debian are Go programs that need no other package.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ELASTICSEARCH_VERSION, elasticsearchUrl, installElasticsearch } from './elasticsearch-distribution.mjs';
import { cacheFolder, missingPrograms, PROGRAMS } from './programs.mjs';

function run(program, args, options) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (error !== undefined) console.error(`${program}: ${error.message}`);
  return status === 0;
}

/**
 * Debian's Alertmanager does not start without a template in /usr/share. The unpacked copy reads it from the folder that it is started in instead: another path of the same
 * length takes the place of the one in it.
 */
function readTemplatesFromWorkingFolder(program) {
  if (!existsSync(program)) return;
  const bytes = readFileSync(program);
  const wanted = '/usr/share/prometheus/alertmanager';
  const instead = Buffer.from('/proc/self/cwd'.padEnd(wanted.length, '/'));
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at)) instead.copy(bytes, at);
  writeFileSync(program, bytes);
}

const packages = [...new Set(missingPrograms().map((name) => PROGRAMS[name]))];
if (packages.length > 0) {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-services-'));
  try {
    const download = () => run('apt-get', ['download', '-q', ...packages], { cwd: folder });
    // The lists may be missing, or tell of versions that are gone.
    const downloaded = download() || (run('apt-get', ['update', '-qq']) && download());
    if (!downloaded) process.exitCode = 1;
    mkdirSync(cacheFolder(), { recursive: true });
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) if (!run('dpkg-deb', ['-x', join(folder, file), cacheFolder()])) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
readTemplatesFromWorkingFolder(join(cacheFolder(), 'usr', 'bin', 'prometheus-alertmanager'));
const missing = missingPrograms();
if (missing.length > 0) process.exitCode = 1;
console.log(missing.length === 0 ? 'prometheus, promtool, prometheus-pushgateway and prometheus-alertmanager are there' : `missing: ${missing.join(', ')}`);
const reason = installElasticsearch();
if (reason !== undefined) process.exitCode = 1;
console.log(reason ?? `Elasticsearch is there: ${elasticsearchUrl() ?? ELASTICSEARCH_VERSION}`);
