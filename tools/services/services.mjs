// Starts real servers for tests: each on 127.0.0.1 on a free port with files in a folder of its own, stopped by its pid.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, programPath } from './programs.mjs';

/** How long a server may take until it is ready, in ms. */
const READY_MS = 20_000;
/** How often it is asked, in ms. */
const ASK_EVERY_MS = 50;
/** How long one may take to end before it is killed, in ms. */
const END_MS = 5_000;
/** Of what a server says, the end is kept. */
const MAX_LOG_CHARACTERS = 20_000;

/** A running server. */
export class Service {
  constructor(name, child, port, folder) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.folder = folder;
    this.log = '';
    this.adopt(child);
  }

  adopt(child) {
    this.child = child;
    this.pid = child.pid;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.log = (this.log + text).slice(-MAX_LOG_CHARACTERS)));
    this.ended = new Promise((resolve) => child.once('exit', resolve));
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Ends it and removes its folder. Safe to call twice. */
  async stop() {
    if (this.running) {
      this.child.kill('SIGTERM');
      const killing = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
      await this.ended;
      clearTimeout(killing);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} config prometheus.yml
 * @param {Record<string, string>} files that it names, by their names: they are beside it
 */
export const startPrometheus = (config, files = {}) =>
  start('prometheus', { 'prometheus.yml': config, ...files }, (port, folder) => [
    `--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--web.enable-lifecycle', '--enable-feature=exemplar-storage', '--log.level=warn',
  ]);

export const startPushgateway = () => start('prometheus-pushgateway', {}, (port) => [`--web.listen-address=127.0.0.1:${port}`]);

/** @param {string} config alertmanager.yml */
export const startAlertmanager = (config) =>
  start('prometheus-alertmanager', { 'alertmanager.yml': config }, (port, folder) => [
    `--config.file=${join(folder, 'alertmanager.yml')}`, `--storage.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address=',
  ]);

/** Runs promtool. @returns {Promise<{ code: number, output: string }>} */
export async function promtool(args, input = '') {
  const child = spawn(programOf('promtool'), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { code, output };
}

async function start(name, files, argumentsOf) {
  const program = programOf(name);
  for (let attempt = 1; ; attempt++) {
    const folder = mkdtempSync(join(tmpdir(), `mesh-${name}-`));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    // What an unpacked Alertmanager reads from the folder that it is started in.
    const templates = join(cacheFolder(), 'usr', 'share', 'prometheus', 'alertmanager');
    if (name === 'prometheus-alertmanager' && existsSync(templates)) for (const file of ['default.tmpl', 'email.tmpl']) copyFileSync(join(templates, file), join(folder, file));
    const port = await freePort();
    const service = new Service(name, spawn(program, argumentsOf(port, folder), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }), port, folder);
    try {
      await ready(service);
      return service;
    } catch (error) {
      await service.stop();
      // Somebody else took the port.
      if (attempt >= 5 || !service.log.includes('address already in use')) throw error;
    }
  }
}

async function ready(service) {
  const until = Date.now() + READY_MS;
  while (Date.now() < until) {
    if (!service.running) throw new Error(`${service.name} ended (${service.child.exitCode}): ${service.log}`);
    const answer = await fetch(`${service.url}/-/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await new Promise((resolve) => void setTimeout(resolve, ASK_EVERY_MS));
  }
  throw new Error(`${service.name} is not ready after ${READY_MS} ms: ${service.log}`);
}

function programOf(name) {
  const path = programPath(name);
  if (path === undefined) throw new Error(`${name} is not there: node tools/services/install.mjs`);
  return path;
}

/** A port of 127.0.0.1 that nobody had just before. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
