import type { Connection, ConnectionEnd, Listener, ListenOptions, ServiceNode, Transport } from '@lemur-bookstores/mesh-interface';

/** What somebody between the two ends does with one message. */
export const ATTACKS = ['cut before', 'cut after', 'drop', 'repeat', 'alter', 'swap', 'stall'] as const;
export type Attack = (typeof ATTACKS)[number];

/** One attack on one connection: on which message of which direction. */
export interface Plan {
  readonly attack: Attack;
  readonly direction: 'out' | 'in';
  /** Counted from 0, the handshake's messages included. */
  readonly message: number;
}

/** A transport whose dialled connections are attacked as planned. */
export class AttackedTransport implements Transport {
  readonly #inner: Transport;
  readonly #nextPlan: () => Plan | undefined;
  attacks = 0;

  constructor(inner: Transport, nextPlan: () => Plan | undefined) {
    this.#inner = inner;
    this.#nextPlan = nextPlan;
  }

  async dial(node: ServiceNode, signal: AbortSignal): Promise<Connection> {
    return new AttackedConnection(await this.#inner.dial(node, signal), this.#nextPlan(), () => this.attacks++);
  }

  listen(options: ListenOptions): Promise<Listener> {
    return this.#inner.listen(options);
  }
}

class AttackedConnection implements Connection {
  readonly #inner: Connection;
  readonly #plan: Plan | undefined;
  readonly #onAttack: () => void;
  readonly #counts = { out: 0, in: 0 };
  #held: Buffer | undefined;
  #stalled = false;
  onMessage: (message: Buffer) => void = () => {};
  onEnd: (end: ConnectionEnd) => void = () => {};
  onDrain: () => void = () => {};

  constructor(inner: Connection, plan: Plan | undefined, onAttack: () => void) {
    this.#inner = inner;
    this.#plan = plan;
    this.#onAttack = onAttack;
    inner.onMessage = (message) => this.#pass('in', message, (passed) => this.onMessage(passed));
    inner.onEnd = (end) => this.onEnd(end);
    inner.onDrain = () => this.onDrain();
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  send(message: Buffer): void {
    this.#pass('out', message, (passed) => this.#inner.send(passed));
  }

  authenticated(): void {
    this.#inner.authenticated();
  }

  close(): void {
    this.#inner.close();
  }

  terminate(): void {
    this.#inner.terminate();
  }

  #pass(direction: 'out' | 'in', message: Buffer, pass: (message: Buffer) => void): void {
    const number = this.#counts[direction]++;
    const plan = this.#plan;
    if (this.#stalled) return;
    if (plan === undefined || plan.direction !== direction || number < plan.message) return pass(message);
    if (number > plan.message) {
      pass(message);
      if (this.#held !== undefined) pass(this.#held);
      this.#held = undefined;
      return;
    }
    this.#onAttack();
    switch (plan.attack) {
      case 'cut before':
        return this.#inner.terminate();
      case 'cut after':
        pass(message);
        return this.#inner.terminate();
      case 'drop':
        return;
      case 'repeat': {
        const copy = Buffer.from(message);
        pass(message);
        return pass(copy);
      }
      case 'alter': {
        const altered = Buffer.from(message);
        const at = Math.floor(altered.length / 2);
        altered[at] = (altered[at] as number) ^ 0x40;
        return pass(altered);
      }
      case 'swap':
        this.#held = Buffer.from(message);
        return;
      case 'stall':
        this.#stalled = true;
    }
  }
}

/** Reproducible numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
