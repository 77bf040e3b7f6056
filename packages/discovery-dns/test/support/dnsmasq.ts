import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { userInfo } from 'node:os';

/** Debian puts it where only root looks. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` };

/** Of the zone that a server answers for: what it does not know there does not exist. */
export const ZONE = 'mesh.test';

/** A real dnsmasq on 127.0.0.1, stopped by its pid. */
export class Dnsmasq {
  readonly port: number;
  /** What it has said, one line each, over restarts. */
  readonly log: string[] = [];
  #child: ChildProcess | undefined;
  #onLine: (() => void) | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  /** @param records e.g. `--srv-host=…`, `--host-record=…`; `--local-ttl` says their TTL, which is 0 else */
  static async start(records: readonly string[]): Promise<Dnsmasq> {
    for (let attempt = 1; ; attempt++) {
      try {
        const server = new Dnsmasq(await freePort());
        await server.start(records);
        return server;
      } catch (error) {
        // Somebody else took the port, for UDP or for TCP.
        if (attempt >= 5 || !/in use|EADDRINUSE/.test(String(error))) throw error;
      }
    }
  }

  /** For option `servers`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** With these records from now on, on the same port. */
  async restart(records: readonly string[]): Promise<void> {
    await this.stop();
    await this.start(records);
  }

  async start(records: readonly string[]): Promise<void> {
    const options = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file=', '--log-queries', '--log-facility=-', `--user=${userInfo().username}`];
    const where = ['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${this.port}`, `--local=/${ZONE}/`];
    const child = spawn('dnsmasq', [...options, ...where, ...records], { env: ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    const before = this.log.length;
    await new Promise<void>((resolve, reject) => {
      let rest = '';
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`dnsmasq ended (${code}): ${this.log.slice(before).join('\n')}${rest}`)));
      child.stderr?.on('data', (text: Buffer) => {
        const lines = (rest + text.toString()).split('\n');
        rest = lines.pop() ?? '';
        this.log.push(...lines);
        if (lines.some((line) => line.includes(': started, version'))) resolve();
        this.#onLine?.();
      });
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** For afterEach. */
  close(): Promise<void> {
    return this.stop();
  }

  /** How often it was asked. */
  queries(type: 'A' | 'AAAA' | 'SRV', name: string): number {
    return this.log.filter((line) => line.includes(`query[${type}] ${name} from`)).length;
  }

  /** Resolves once it has been asked so often in all. */
  async queried(count: number, type: 'A' | 'AAAA' | 'SRV', name: string): Promise<void> {
    while (this.queries(type, name) < count) await new Promise<void>((resolve) => (this.#onLine = resolve));
    this.#onLine = undefined;
  }
}

/** Below those that the system gives to connections: one that is free while a server is down is free when it starts again. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(15_000 + Math.floor(Math.random() * 15_000), '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
