import { MeshError, type BreakerTicket, type CircuitBreakerState, type EndpointBreaker, type EndpointBreakers } from '@lemur-bookstores/mesh-interface';

/** What a call that was let in came to, as it was told. */
export interface Settled {
  readonly ticket: BreakerTicket;
  readonly code: string;
  readonly answered: boolean | undefined;
}

/** A breaker that is as open as a test says, gives every call a ticket of its own and writes down what comes back. */
export class ScriptedBreaker implements EndpointBreaker {
  state: CircuitBreakerState = 'closed';
  retryAfterMs = 1_000;
  admitted = 0;
  returns = 0;
  /** Errors that were made. */
  refusals = 0;
  readonly settled: Settled[] = [];

  isReady(): boolean {
    return this.state !== 'open';
  }

  admit(): BreakerTicket {
    return this.isReady() ? ++this.admitted : 0;
  }

  settle(ticket: BreakerTicket, error: MeshError | undefined, answered?: boolean): void {
    this.settled.push({ ticket, code: error?.code ?? 'OK', answered });
  }

  reachable(): void {
    this.returns++;
  }

  waitMs(): number {
    return this.retryAfterMs;
  }

  refusal(): MeshError {
    this.refusals++;
    return new MeshError('circuit_open', 'not now', { mayHaveRun: false, retryAfterMs: this.retryAfterMs });
  }
}

/** Keeps the breakers by `service endpoint`. */
export class ScriptedBreakers implements EndpointBreakers {
  readonly made = new Map<string, ScriptedBreaker>();

  breakerFor(service: string, endpoint: string): ScriptedBreaker {
    const breaker = new ScriptedBreaker();
    this.made.set(`${service} ${endpoint}`, breaker);
    return breaker;
  }

  get(name: string): ScriptedBreaker {
    const found = this.made.get(name);
    if (found === undefined) throw new Error(`no breaker '${name}' among ${[...this.made.keys()].join(', ')}`);
    return found;
  }
}
