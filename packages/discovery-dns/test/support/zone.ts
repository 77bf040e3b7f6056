import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { DnsQuestion, DnsRecord } from '../../src/dns-message.js';
import type { Asking, DnsAnswer, Resolver } from '../../src/resolver.js';

/** A resolver whose records a test changes as it likes. */
export class Zone implements Resolver {
  readonly description = 'the zone';
  /** Each question as `SRV name`, in order. */
  readonly asked: string[] = [];
  readonly askings: Asking[] = [];
  readonly #answers = new Map<string, DnsAnswer>();
  /** `undefined`: it answers. By question, or for all. */
  failure: MeshError | undefined;
  readonly failures = new Map<string, MeshError>();
  /** Answers wait until {@link release}. */
  holds = false;
  closed = 0;
  #release: (() => void)[] = [];

  srv(name: string, records: readonly { target: string; port?: number; priority?: number; weight?: number }[], ttl = 30, additional: readonly DnsRecord[] = []): void {
    const complete = records.map(({ target, port = 80, priority = 0, weight = 1 }) => ({ type: 'SRV' as const, name, ttl, priority, weight, port, target }));
    this.#answers.set(`SRV ${name}`, { records: complete, additional, ttl });
  }

  a(name: string, addresses: readonly string[], ttl = 30): void {
    this.#addresses('A', name, addresses, ttl);
  }

  aaaa(name: string, addresses: readonly string[], ttl = 30): void {
    this.#addresses('AAAA', name, addresses, ttl);
  }

  #addresses(type: 'A' | 'AAAA', name: string, addresses: readonly string[], ttl: number): void {
    this.#answers.set(`${type} ${name}`, { records: addresses.map((address) => ({ type, name, ttl, address })), additional: [], ttl });
  }

  async resolve({ type, name }: DnsQuestion, asking: Asking): Promise<DnsAnswer> {
    const question = `${type} ${name}`;
    this.asked.push(question);
    this.askings.push(asking);
    if (this.holds) await new Promise<void>((resolve) => this.#release.push(resolve));
    const failure = this.failure ?? this.failures.get(question);
    if (failure !== undefined) throw failure;
    return this.#answers.get(question) ?? { records: [], additional: [], ttl: 0 };
  }

  release(): void {
    this.holds = false;
    for (const release of this.#release.splice(0)) release();
  }

  close(): void {
    this.closed++;
    this.failure = new MeshError('discovery_failed', 'closed');
    this.release();
  }
}
