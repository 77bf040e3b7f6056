import { Child } from './child.js';
import type { TroubledSink } from './lossless-run.js';

/** What a contract server has in the end. */
export interface ContractState {
  /** Ids of events, and how often each came. */
  readonly ids: readonly (readonly [string, number])[];
  /** How often each fault was played. */
  readonly faults: Readonly<Record<string, number>>;
  readonly requests: number;
}

/** A contract server in a process of its own. */
export class ContractProcess<State extends object = ContractState> implements TroubledSink {
  readonly url: string;
  readonly #child: Child;

  private constructor(child: Child, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** @param name of a file in tools/contract-servers */
  static async start<State extends object = ContractState>(name: string, options: object): Promise<ContractProcess<State>> {
    const child = new Child('contract-server.mjs', { CONTRACT_SERVER: name, CONTRACT_OPTIONS: JSON.stringify(options) });
    const { url } = await child.next<{ readonly url: string }>();
    return new ContractProcess<State>(child, url);
  }

  /** Nobody listens there any more, and every connection is cut. */
  down(): Promise<unknown> {
    return this.#child.ask('down');
  }

  up(): Promise<unknown> {
    return this.#child.ask('up');
  }

  state(): Promise<State> {
    return this.#child.ask<State>('state');
  }

  async close(): Promise<void> {
    await this.#child.close();
  }
}
