import { TestAuthority } from './authority.js';
import { Child } from './child.js';
import type { FaultyNetwork } from './faulty-network.js';
import type { TestBed } from './test-bed.js';

/** What a call of the caller came to. Times in ms, of its own clock. */
export interface EndedCall {
  readonly key: number;
  readonly idempotent: boolean;
  readonly startedAt: number;
  readonly ok: boolean;
  readonly tookMs: number;
  /** After its deadline; negative = before it. */
  readonly lateMs: number;
  readonly code?: string;
  readonly reason?: string;
  readonly mayHaveRun?: boolean;
  readonly message?: string;
}

/** What a caller says at a moment of a cycle. */
export interface Moment {
  readonly now: number;
  /** Dials that have ended, well or not. */
  readonly attempts: number;
}

export interface Healed extends Moment {
  readonly healedAt: number;
  readonly reconnectedMs: number;
}

export interface PartitionOptions {
  readonly idlePingMs?: number;
  readonly deadAfterMs?: number;
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
  readonly callers: number;
  readonly timeoutMs: readonly [least: number, most: number];
}

const NAMES = ['a', 'b', 'c'] as const;
/** Of a dial: TCP, upgrade; then the same time for the handshake. */
const CONNECT_MS = 500;
const PAUSE_MS = 40;

/** Processes in a network: a caller under steady load, and the instances of the service that it calls. */
export class Partition<Fault extends string> {
  readonly network: FaultyNetwork<Fault>;
  readonly #caller: Child;
  readonly #instances: readonly Child[];
  readonly calls: EndedCall[] = [];

  private constructor(network: FaultyNetwork<Fault>, caller: Child, instances: readonly Child[]) {
    this.network = network;
    this.#caller = caller;
    this.#instances = instances;
  }

  static async start<Fault extends string>(bed: TestBed, network: FaultyNetwork<Fault>, options: PartitionOptions): Promise<Partition<Fault>> {
    bed.closing(network);
    const authority = new TestAuthority(bed.folder);
    const { idlePingMs, deadAfterMs, backoff, callers, timeoutMs } = options;
    const limits = { ...(idlePingMs === undefined ? {} : { idlePingMs }), ...(deadAfterMs === undefined ? {} : { deadAfterMs }), handshakeMs: CONNECT_MS };
    const instances: Child[] = [];
    const services: { id: string; host: string; port: number }[] = [];
    for (const [index, { prefix, host }] of network.instances.entries()) {
      const own = { host, limits, identity: await authority.files('payments') };
      const child = bed.closing(new Child('counting-service.mjs', { OPTIONS: JSON.stringify(own), NAME: NAMES[index] }, true, prefix));
      instances.push(child);
      services.push({ id: 'payments', ...(await network.reach(index, await child.next<number>())) });
    }
    const own = {
      host: network.caller.host,
      limits,
      identity: await authority.files('orders'),
      discovery: { services },
      resilience: { retry: { initialDelay: 50 }, ...(backoff === undefined ? {} : { backoff }) },
      loadBalancing: { slowStartMs: 0 },
    };
    const load = { callers, pauseMs: PAUSE_MS, timeoutMs };
    const env = { OPTIONS: JSON.stringify(own), LOAD: JSON.stringify(load), CONNECT_MS: String(CONNECT_MS) };
    const caller = bed.closing(new Child('steady-caller.mjs', env, true, network.caller.prefix));
    await caller.next();
    const partition = new Partition(network, caller, instances);
    await caller.ask<number>('connected');
    await caller.ask('start');
    return partition;
  }

  now(): Promise<Moment> {
    return this.#caller.ask('now');
  }

  /** Once the caller has a session with each instance again. */
  healed(): Promise<Healed> {
    return this.#caller.ask('healed');
  }

  /** Once each instance has answered a call since it was healed. @returns after how long; -1: not within 20 s */
  shared(): Promise<number> {
    return this.#caller.ask('shared');
  }

  /** Once any instance has. @returns the same */
  served(): Promise<number> {
    return this.#caller.ask('served');
  }

  /** Calls that have ended since it was asked last, and the longest time that the caller's event loop stood still. */
  async ended(): Promise<{ readonly calls: EndedCall[]; readonly lagMs: number }> {
    const answer = await this.#caller.ask<{ calls: EndedCall[]; lagMs: number }>('ended');
    this.calls.push(...answer.calls);
    return answer;
  }

  /** No more calls, and none on its way any more. */
  async finish(): Promise<{ readonly made: number; readonly audited: number; readonly runs: ReadonlyMap<number, number> }> {
    const { made } = await this.#caller.ask<{ made: number }>('stop');
    await this.ended();
    const audited = await this.#caller.ask<number>('close');
    const runs = new Map<number, number>();
    for (const instance of this.#instances) {
      while ((await instance.ask<number>('sessions')) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const [key, count] of await instance.ask<[number, number][]>('runs')) runs.set(key, (runs.get(key) ?? 0) + count);
    }
    return { made, audited, runs };
  }
}

/** What is wrong with the outcomes of all calls, by what each promises. */
export function brokenPromises(calls: readonly EndedCall[], runs: ReadonlyMap<number, number>): string[] {
  return calls.flatMap(({ key, ok, idempotent, code, reason, mayHaveRun, message }) => {
    const ran = runs.get(key) ?? 0;
    const who = `call ${key}${idempotent ? ', idempotent,' : ''} ${ok ? 'with a result' : `with ${reason}`}`;
    const wrong: string[] = [];
    if (ok && ran === 0) wrong.push(`${who} ran nowhere`);
    if (!idempotent && ran > 1) wrong.push(`${who} ran ${ran} times`);
    if (!ok && (code === undefined || reason === undefined || typeof mayHaveRun !== 'boolean')) wrong.push(`${who} says too little: ${message}`);
    if (!ok && mayHaveRun === false && ran > 0) wrong.push(`${who} says that it has not run, and ran ${ran} times`);
    if (!ok && code !== 'UNAVAILABLE' && code !== 'DEADLINE_EXCEEDED') wrong.push(`${who}: ${message}`);
    return wrong;
  });
}

/** The most dials of one instance within some time that keep to one for each wait: each at least half of its step. */
export function mostAttempts(withinMs: number, { initialMs, maxMs }: { readonly initialMs: number; readonly maxMs: number }): number {
  let attempts = 1;
  for (let at = 0, step = initialMs; ; step = Math.min(maxMs, step * 2), attempts++) {
    at += step / 2;
    if (at > withinMs) return attempts;
  }
}
