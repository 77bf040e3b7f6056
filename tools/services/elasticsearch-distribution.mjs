// Where the Elasticsearch is that tests start, and how it is got: the "integ-test" distribution that Elastic publishes for Maven. It is the real server with few of its modules:
// it has data streams, index templates with a lifecycle, _bulk, _search, points in time and security, but neither `GET /`, `_data_stream`, `_ilm` nor the field types of other modules.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from './programs.mjs';
import { unzip } from './unzip.mjs';

export const ELASTICSEARCH_VERSION = '8.19.9';
const ARTIFACT = `org.elasticsearch.distribution.integ-test-zip:elasticsearch:${ELASTICSEARCH_VERSION}:zip`;
const ZIP_SHA256 = '6a0603db2b0406776dcf15df248294941f310e9183ca18a219bc8c6d57546ff0';
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1';
/** How long Maven may take, in ms; it is asked twice. */
const MAVEN_MS = 300_000;
/** Java that Elasticsearch 8.19 runs on. */
const MIN_JAVA = 17;

const isRoot = () => process.getuid?.() === 0;

/** Elasticsearch refuses to run as root: then it runs as this user. `undefined`: as ourselves. */
export function elasticsearchUser() {
  if (!isRoot()) return undefined;
  const idOf = (flag) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** The folder that the distribution is unpacked into. Root's own cache is closed to the user that it runs as, so that root's copy is where everybody may read. */
function distributionFolder() {
  const parent = process.env.MESH_SERVICES_DIR === undefined && isRoot() ? join(tmpdir(), 'secure-stack-mesh-services') : cacheFolder();
  return join(parent, `elasticsearch-${ELASTICSEARCH_VERSION}`);
}

/** `undefined` where it is there and may be run; else why it may not. */
function unfit(folder) {
  let stat;
  try {
    stat = statSync(folder);
    statSync(join(folder, 'bin', 'elasticsearch'));
  } catch {
    return `there is no Elasticsearch ${ELASTICSEARCH_VERSION} in ${folder}: node tools/services/install.mjs`;
  }
  // A temporary folder is open to everybody: what another user has put there is not run.
  if (process.getuid !== undefined && stat.uid !== process.getuid()) return `${folder} belongs to another user`;
  if ((stat.mode & 0o022) !== 0) return `${folder} can be written by other users`;
  const user = elasticsearchUser();
  if (user !== undefined && spawnSync('test', ['-r', join(folder, 'bin', 'elasticsearch')], { ...user }).status !== 0) return `${folder} cannot be read by nobody, whom Elasticsearch runs as`;
  return undefined;
}

/** JAVA_HOME, else the home of the `java` of the PATH; `undefined` where there is none, or one that is too old. */
export function javaHome() {
  for (const home of [process.env.ES_JAVA_HOME, process.env.JAVA_HOME]) if (home !== undefined && home !== '' && versionOf(join(home, 'bin', 'java'))?.version >= MIN_JAVA) return home;
  const found = versionOf('java');
  return found !== undefined && found.version >= MIN_JAVA ? found.home : undefined;
}

function versionOf(java) {
  const { error, stderr } = spawnSync(java, ['-XshowSettings:properties', '-version'], { encoding: 'utf8', timeout: 30_000 });
  if (error !== undefined) return undefined;
  const property = (name) => new RegExp(`^\\s*${name} = (.+)$`, 'm').exec(stderr)?.[1];
  return { home: property('java\\.home'), version: Number(property('java\\.specification\\.version')) };
}

/** Why there is no Elasticsearch for tests; `undefined` where there is one: that of `ELASTICSEARCH_URL`, or one that can be started. */
export function missingElasticsearch() {
  return elasticsearchUrl() === undefined ? unstartableElasticsearch() : undefined;
}

/** Why none can be started here, whatever `ELASTICSEARCH_URL` names; `undefined` where one can. */
export function unstartableElasticsearch() {
  if (process.platform === 'win32') return 'Elasticsearch is started on Unix only: name one in ELASTICSEARCH_URL';
  const folder = distributionFolder();
  const reason = unfit(folder);
  if (reason !== undefined) return reason;
  return javaHome() === undefined ? `Elasticsearch needs Java ${MIN_JAVA} or later: set JAVA_HOME` : undefined;
}

/** A server of the user's own, which tests use instead of starting one. */
export const elasticsearchUrl = () => (process.env.ELASTICSEARCH_URL === undefined || process.env.ELASTICSEARCH_URL === '' ? undefined : process.env.ELASTICSEARCH_URL.replace(/\/+$/, ''));

/** The folder of the unpacked distribution. @throws where there is none */
export function elasticsearchHome() {
  const folder = distributionFolder();
  const reason = unfit(folder);
  if (reason !== undefined) throw new Error(reason);
  return folder;
}

/** Gets the distribution unless it is there. @returns why it could not be had; `undefined` where all is well */
export function installElasticsearch() {
  if (missingElasticsearch() === undefined) return undefined;
  const folder = distributionFolder();
  if (unfit(folder) !== undefined) {
    const reason = download(folder);
    if (reason !== undefined) return reason;
  }
  return missingElasticsearch();
}

function download(folder) {
  const parent = join(folder, '..');
  let unpacking;
  try {
    mkdirSync(parent, { recursive: true, mode: 0o755 });
    if (process.getuid !== undefined && statSync(parent).uid !== process.getuid()) return `${parent} belongs to another user`;
    unpacking = mkdtempSync(join(parent, '.unpacking-'));
  } catch (error) {
    return `Elasticsearch cannot be unpacked into ${parent}: ${error.message}`;
  }
  try {
    // A first attempt may fail for reasons that pass, and Maven remembers what it did not find: -U asks again.
    const maven = () =>
      spawnSync('mvn', ['-q', '-B', '-U', `${PLUGIN}:copy`, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${unpacking}`], {
        cwd: unpacking, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: MAVEN_MS, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024,
      });
    let ended = maven();
    if (ended.error?.code === 'ENOENT') return 'Elasticsearch is got with Maven, and there is no mvn';
    if (ended.status !== 0) ended = maven();
    if (ended.status !== 0) return `mvn did not get ${ARTIFACT} (${ended.error?.message ?? ended.status}): ${(ended.stdout + ended.stderr).trim().slice(0, 2_000)}`;
    const zip = join(unpacking, `elasticsearch-${ELASTICSEARCH_VERSION}.zip`);
    const sha256 = createHash('sha256').update(readFileSync(zip)).digest('hex');
    if (sha256 !== ZIP_SHA256) return `${ARTIFACT} is not what it was: its SHA-256 is ${sha256}, and not ${ZIP_SHA256}`;
    unzip(zip, unpacking);
    const unpacked = join(unpacking, `elasticsearch-${ELASTICSEARCH_VERSION}`);
    chmodSync(unpacked, 0o755);
    // Whole or not at all, also where two do this at once.
    if (unfit(folder) !== undefined) renameSync(unpacked, folder);
    return undefined;
  } catch (error) {
    return unfit(folder) === undefined ? undefined : `Elasticsearch could not be unpacked: ${error.message}`;
  } finally {
    rmSync(unpacking, { recursive: true, force: true });
  }
}
