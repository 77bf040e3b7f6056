import { MeshError, type CircuitBreakerState, type EndpointBreaker, type EndpointBreakers, type InterceptedCall, type Interceptor } from '@lemur-bookstores/mesh-interface';
import { BoundedMap } from '../map/bounded-map.js';
import { recordTransition } from './breaker-journal.js';
import { errorOfCall } from './breaker-outcome.js';
import { Breaker, type BreakerTransition } from './breaker.js';
import { completeCircuitBreaker, type CircuitBreakerOptions, type CircuitBreakerSettings } from './circuit-breaker-options.js';

/** What is called with each transition. */
export type TransitionListener = (transition: BreakerTransition) => void;

/** One breaker stands for all of a service. */
const WHOLE_SERVICE = '*';

/**
 * Stops calling what does not answer. As an interceptor it keeps one breaker for each service called; for endpoints it makes breakers
 * that whoever calls them keeps. All of them tell the same listeners and the same audit trail.
 */
export class CircuitBreaker implements EndpointBreakers {
  readonly #settings: CircuitBreakerSettings;
  readonly #services: BoundedMap<Breaker>;
  readonly #listeners = new Set<TransitionListener>();

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: CircuitBreakerOptions = {}) {
    this.#settings = completeCircuitBreaker(options);
    this.#services = new BoundedMap(this.#settings.maxTargets, (service) => this.#make(service, WHOLE_SERVICE), ({ state }) => state === 'closed');
  }

  /** The worst of the services called through the interceptor: open, half-open, closed. */
  get state(): CircuitBreakerState {
    let worst: CircuitBreakerState = 'closed';
    for (const { state } of this.#services.values()) {
      if (state === 'open') return state;
      if (state === 'half-open') worst = state;
    }
    return worst;
  }

  /** The breaker that stands for all of a service: the interceptor's. */
  breakerOf(service: string): Breaker {
    return this.#services.get(service);
  }

  breakerFor(service: string, endpoint: string): EndpointBreaker {
    return this.#make(service, endpoint);
  }

  /** Calls a listener with each transition, in their order. Returns the function that ends it. What it throws goes to the logger. */
  onTransition(listener: TransitionListener): () => void {
    const own: TransitionListener = (transition) => listener(transition);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** For calls out; those that come in pass. */
  readonly interceptor: Interceptor = (call, next) => {
    if (call.direction !== 'outbound') return next(call);
    const breaker = this.#services.get(call.service);
    const ticket = breaker.admit();
    if (ticket === 0) return Promise.reject(breaker.refusal());
    try {
      return next(call).then(
        (value) => {
          breaker.settle(ticket, undefined);
          return value;
        },
        (error: unknown) => failed(breaker, ticket, call, error),
      );
    } catch (error) {
      return failed(breaker, ticket, call, error);
    }
  };

  #make(service: string, endpoint: string): Breaker {
    return new Breaker(service, endpoint, this.#settings, (transition) => this.#told(transition));
  }

  #told(transition: BreakerTransition): void {
    recordTransition(this.#settings.audit, transition);
    for (const listener of [...this.#listeners]) {
      try {
        listener(transition);
      } catch (error) {
        this.#settings.logger.error('a listener of the circuit breaker threw', { error: MeshError.from(error).text });
      }
    }
  }
}

/** The caller gets what was thrown, as it was. */
function failed(breaker: Breaker, ticket: number, call: InterceptedCall, error: unknown): Promise<never> {
  breaker.settle(ticket, errorOfCall(error, call.signal));
  // As it was thrown: whoever threw it may mean something else than an Error.
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  return Promise.reject(error);
}
