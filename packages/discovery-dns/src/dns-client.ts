import { randomInt } from 'node:crypto';
import { getServers } from 'node:dns';
import { setMaxListeners } from 'node:events';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { readAnswer } from './dns-answer.js';
import { encodeQuery, type DnsQuestion } from './dns-message.js';
import { formatServer, parseServer, type DnsServer } from './dns-server.js';
import type { DnsQuery } from './exchange.js';
import type { Asking, DnsAnswer, Resolver } from './resolver.js';
import { overTcp } from './tcp-exchange.js';
import { overUdp } from './udp-exchange.js';

/** Packets get lost: each server is asked as often. */
const ROUNDS = 2;

export interface DnsClientOptions {
  /** `undefined`: those of the machine, read anew for each question. */
  readonly servers: readonly DnsServer[] | undefined;
  /** How long one server is waited for, in ms. */
  readonly timeoutMs: number;
  /** `udp`: and TCP for what does not fit. Default `udp`. */
  readonly transport?: DnsTransport | undefined;
  readonly clock: Clock;
}

/** How questions travel. */
export type DnsTransport = 'udp' | 'tcp';

/**
 * Asks recursive DNS servers, one after the other: over UDP, and over TCP what does not fit. Node's own resolver does not tell how long an SRV record
 * holds, and keeps the process alive (docs/adr/0015).
 */
export class DnsClient implements Resolver {
  readonly #options: DnsClientOptions;
  readonly #ending = new AbortController();

  constructor(options: DnsClientOptions) {
    this.#options = options;
    // One listener for each query under way is no leak.
    setMaxListeners(0, this.#ending.signal);
  }

  get description(): string {
    return `DNS at ${this.#servers().map(formatServer).join(', ') || 'no server: the machine names none'}`;
  }

  async resolve(question: DnsQuestion, asking: Asking): Promise<DnsAnswer> {
    const servers = this.#servers();
    const failures = new Map<string, Error>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        const leftMs = asking.deadline - this.#options.clock.monotonic();
        if (leftMs < 1 || this.#ending.signal.aborted) break;
        try {
          return await this.#ask(server, question, Math.min(leftMs, this.#options.timeoutMs));
        } catch (error) {
          failures.set(formatServer(server), error as Error);
        }
      }
    }
    throw noAnswer(question, failures, servers.length > 0);
  }

  close(): void {
    this.#ending.abort();
  }

  async #ask(server: DnsServer, question: DnsQuestion, timeoutMs: number): Promise<DnsAnswer> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    const id = randomInt(0x1_0000);
    const query: DnsQuery = { id, question, message: encodeQuery(id, question) };
    const parts = { clock, signal: this.#ending.signal };
    let response = this.#options.transport === 'tcp' ? undefined : await overUdp(server, query, { ...parts, timeoutMs });
    if (response?.truncated !== false) response = await overTcp(server, query, { ...parts, timeoutMs: Math.max(0, timeoutMs - (clock.monotonic() - startedAt)) });
    if (response.truncated) throw new Error('answered with half an answer, over TCP too');
    return readAnswer(question, response);
  }

  #servers(): readonly DnsServer[] {
    return this.#options.servers ?? getServers().flatMap((server) => parseServer(server) ?? []);
  }
}

function noAnswer({ name, type }: DnsQuestion, failures: ReadonlyMap<string, Error>, hasServers: boolean): MeshError {
  const reasons = Array.from(failures, ([server, { message }]) => `${server} ${message}`);
  const none = hasServers ? 'no time was left to ask' : 'this machine names no DNS server, and option servers none either';
  return new MeshError('discovery_failed', `cannot look up ${type} ${name}: ${reasons.join('; ') || none}`, { cause: [...failures.values()].at(-1) });
}
