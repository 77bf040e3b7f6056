// Starts a real Elasticsearch for tests: one node on 127.0.0.1, its files in a folder of its own, ended when it is stopped or when this process is gone.
import { spawn, spawnSync } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { accessSync, chownSync, constants, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { elasticsearchHome, elasticsearchUser, javaHome } from './elasticsearch-distribution.mjs';
import { freePort, Service } from './services.mjs';

export { ELASTICSEARCH_VERSION, elasticsearchUrl, missingElasticsearch } from './elasticsearch-distribution.mjs';

/** How long it may take until it answers, in ms: 3 s on an idle machine. */
const READY_MS = 120_000;
const ASK_EVERY_MS = 100;
/** How long it may take to end before it is killed, in ms. */
const END_MS = 15_000;
/** A folder in memory, where Linux has one, and what must be free there. Data in it outlives a killed server as on a disk; only no test waits for the disk. */
const MEMORY = '/dev/shm';
const MEMORY_BYTES = 2 ** 30;

/**
 * Runs the server and ends it when its own standard input ends: that is when the process that started it is gone, however it went. (A child in the background would read from
 * /dev/null: hence descriptor 3.) The server notices by itself when its launcher is gone. $0 and $MESH_DATA are the folders to remove.
 */
const SHELL =
  'exec 3<&0; "$@" 3<&- & server=$!; { cat <&3 >/dev/null; kill -TERM "$server" 2>/dev/null; } & waiting=$!; wait "$server"; status=$?; kill "$waiting" 2>/dev/null; rm -rf "$0" "$MESH_DATA"; exit "$status"';

class Elasticsearch extends Service {
  #launch;
  #access;
  #data;
  #isStopped = false;

  /** @param {() => import('node:child_process').ChildProcess} launch @param {{ auth?: string, ca?: string }} access how its health is asked for */
  constructor(launch, port, folder, data, access) {
    super('elasticsearch', launch(), port, folder);
    this.#data = data;
    this.#launch = launch;
    this.#access = access;
    if (access.ca !== undefined) this.url = `https://127.0.0.1:${port}`;
  }

  /** Waits until it answers. */
  async ready() {
    await ready(this, this.#access);
    /** That of the server, not of what launches it. */
    this.pid = Number(readFileSync(join(this.folder, 'pid'), 'utf8'));
  }

  /** Ends all of it at once, as a machine does that loses its power; its files stay. */
  async kill() {
    this.#killGroup();
    await this.ended;
    await this.#gone();
  }

  /** Starts it again, on the same port with the same files, and waits until it answers. */
  async restart() {
    await this.kill();
    rmSync(join(this.folder, 'pid'), { force: true });
    this.adopt(this.#launch());
    await this.ready();
  }

  /** Ends it and removes its folder. Safe to call twice. */
  async stop() {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.running) {
      this.child.stdin.end();
      const killing = setTimeout(() => this.#killGroup(), END_MS);
      await this.ended;
      clearTimeout(killing);
      await this.#gone();
    }
    // Whatever its launcher left, where that was killed.
    await this.kill();
    rmSync(this.#data, { recursive: true, force: true });
    await super.stop();
  }

  /** The server may outlive its launcher by a moment, with its port and its files. */
  async #gone() {
    for (const until = Date.now() + END_MS; isRunning(this.pid) && Date.now() < until; ) await new Promise((resolve) => void setTimeout(resolve, 10));
  }

  #killGroup() {
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // There is none left.
    }
  }
}

/** Whether there is such a process, which still does something: one that ended stays until its parent has asked, which may be nobody. */
export function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return !(process.platform === 'linux' && /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * @param {object} [options]
 * @param {Record<string, string | number | boolean>} [options.settings] further lines of elasticsearch.yml
 * @param {readonly { name: string, password: string, roles: readonly string[] }[]} [options.users] turns security on, with these users and no others; the first may ask for the cluster's health
 * @param {string} [options.roles] roles.yml, for roles of these users that are not built in
 * @param {{ key: string, cert: string }} [options.tls] PEM of the certificate that it serves HTTPS with; needs users
 * @param {boolean} [options.withToken] makes a token of a service account, `token` of what is returned; needs users and TLS
 * @param {number} [options.heapMb]
 * @param {boolean} [options.onDisk] keeps its data on the disk also where there is room in memory: for what measures
 * @returns {Promise<Elasticsearch>}
 */
export async function startElasticsearch({ settings = {}, users, roles, tls, withToken = false, heapMb = 512, onDisk = false } = {}) {
  const home = elasticsearchHome();
  const java = javaHome();
  if (java === undefined) throw new Error('Elasticsearch needs Java 17 or later: set JAVA_HOME');
  const user = elasticsearchUser();
  for (let attempt = 1; ; attempt++) {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-elasticsearch-'));
    const [port, transport] = [await freePort(), await freePort()];
    const config = join(folder, 'config');
    const data = onDisk || !hasMemory() ? join(folder, 'data') : mkdtempSync(join(MEMORY, 'mesh-elasticsearch-'));
    const lines = {
      'cluster.name': 'mesh-tests', 'node.name': 'node-1', 'discovery.type': 'single-node', 'network.host': '127.0.0.1', 'http.port': port, 'transport.port': transport,
      'path.data': data, 'path.logs': join(folder, 'logs'), 'cluster.routing.allocation.disk.threshold_enabled': false, 'xpack.security.enabled': users !== undefined,
      ...(tls === undefined ? {} : { 'xpack.security.http.ssl.enabled': true, 'xpack.security.http.ssl.key': 'http.key', 'xpack.security.http.ssl.certificate': 'http.crt' }),
      ...settings,
    };
    const files = {
      'elasticsearch.yml': Object.entries(lines).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`).join(''),
      // Logs of the garbage collection are nobody's business here.
      'jvm.options': readFileSync(join(home, 'config', 'jvm.options'), 'utf8').replaceAll(/^.*-Xlog:.*$/gm, ''),
      ...(tls === undefined ? {} : { 'http.key': tls.key, 'http.crt': tls.cert }),
      ...(roles === undefined ? {} : { 'roles.yml': roles }),
      ...(users === undefined ? {} : { users: users.map(({ name, password }) => `${name}:${hashOf(password)}\n`).join(''), users_roles: rolesOf(users) }),
    };
    for (const name of ['config', 'logs', 'tmp']) mkdirSync(join(folder, name));
    mkdirSync(data, { recursive: true });
    for (const name of readdirSync(join(home, 'config'), { withFileTypes: true })) if (name.isFile()) copyFileSync(join(home, 'config', name.name), join(config, name.name));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(config, name), text, { mode: 0o640 });
    if (user !== undefined) for (const path of [data, folder, ...readdirSync(folder, { recursive: true }).map((each) => join(folder, each))]) chownSync(path, user.uid, user.gid);
    const env = {
      PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: folder, MESH_DATA: data, ES_JAVA_HOME: java, ES_PATH_CONF: config, ES_TMPDIR: join(folder, 'tmp'), ES_JAVA_OPTS: `-Xms${heapMb}m -Xmx${heapMb}m`,
      // Its launcher leaves folders in the temporary folder.
      CLI_JAVA_OPTS: `-Xms16m -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.io.tmpdir=${join(folder, 'tmp')}`,
    };
    // The account of Elastic's Fleet Server may write to data streams of logs, and may not put index templates in place.
    let token;
    if (withToken) {
      const made = spawnSync(join(home, 'bin', 'elasticsearch-service-tokens'), ['create', 'elastic/fleet-server', 'mesh'], { cwd: folder, env, ...user, encoding: 'utf8' });
      token = /= (\S+)/.exec(made.stdout ?? '')?.[1];
      if (token === undefined) throw new Error(`elasticsearch-service-tokens: ${made.stdout}${made.stderr}${made.error?.message ?? ''}`);
    }
    const launch = () => {
      const child = spawn('sh', ['-c', SHELL, folder, join(home, 'bin', 'elasticsearch'), '-p', join(folder, 'pid')], { cwd: folder, env, ...user, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
      child.stdin.on('error', () => undefined);
      return child;
    };
    const service = new Elasticsearch(launch, port, folder, data, { ca: tls?.cert, auth: users === undefined ? undefined : `${users[0].name}:${users[0].password}` });
    service.token = token;
    try {
      await service.ready();
      return service;
    } catch (error) {
      await service.stop();
      // Somebody else took a port.
      if (attempt >= 3 || !/BindException|BindTransportException|BindHttpException/.test(service.log)) throw error;
    }
  }
}

/** As `elasticsearch-users` writes a password, which takes a second of Java for each: 10,000 rounds of PBKDF2 with SHA-512. */
function hashOf(password) {
  const salt = randomBytes(32);
  return `{PBKDF2}10000$${salt.toString('base64')}$${pbkdf2Sync(password, salt, 10_000, 32, 'sha512').toString('base64')}`;
}

/** users_roles has a line for each role, once. */
function rolesOf(users) {
  const roles = new Set(users.flatMap((user) => user.roles));
  return [...roles].map((role) => `${role}:${users.filter((user) => user.roles.includes(role)).map(({ name }) => name).join(',')}\n`).join('');
}

function hasMemory() {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= MEMORY_BYTES;
  } catch {
    return false;
  }
}

async function ready(service, access) {
  const until = Date.now() + READY_MS;
  let last = 'no answer';
  while (Date.now() < until) {
    if (!service.running) throw new Error(`elasticsearch ended (${service.child.exitCode}): ${service.log}`);
    try {
      last = await statusOf(`${service.url}/_cluster/health`, access);
      if (last === 200) return;
    } catch (error) {
      last = error.message;
    }
    await new Promise((resolve) => void setTimeout(resolve, ASK_EVERY_MS));
  }
  throw new Error(`elasticsearch is not ready after ${READY_MS} ms (${last}): ${service.log}`);
}

function statusOf(url, { auth, ca }) {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? https : http).request(url, { auth, ca, timeout: 2_000, agent: false });
    request.once('error', reject).once('timeout', () => request.destroy(new Error('no answer within 2 s')));
    request.once('response', (response) => resolve((response.resume(), response.statusCode))).end();
  });
}
