import { MeshError, type Clock, type Logger, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import type { InboundSession } from '../session/inbound-session.js';
import type { RequestHead } from '../wire/request.js';
import type { Denials } from './denials.js';
import { RESERVED_METHODS } from './handlers.js';

/**
 * Whether a peer may call a method: only `true` lets it, at once. What it throws, a promise or anything else denies.
 * @param method as the peer named it, registered or not: look it up in a `Map` or `Set`, not in an object
 */
export type Authorize = (peer: PeerIdentity, method: string) => boolean;

/** `enforce`: who may not is refused. `audit`: it is let through, and the trail has that it would have been refused. */
export type AuthorizeMode = 'enforce' | 'audit';

const MODES: ReadonlySet<unknown> = new Set<AuthorizeMode>(['enforce', 'audit']);
/** What is wrong with the user's function shows with each call: the log has it once in this time, in ms. */
const COMPLAINT_MS = 1_000;

export interface AuthorizationParts {
  readonly serviceId: string;
  readonly authorize: Authorize;
  readonly mode: AuthorizeMode | undefined;
  readonly denials: Denials;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Asked of each request before its body is read, and before its method is known to exist (PROTOCOL 6.7). */
export class Authorization {
  readonly #parts: AuthorizationParts;
  readonly #mode: AuthorizeMode;
  #complainsFrom = -Infinity;

  /** @throws MeshError `invalid_option` */
  constructor(parts: AuthorizationParts) {
    if (typeof parts.authorize !== 'function') throw new MeshError('invalid_option', 'authorize: must be a function (peer, method) => boolean');
    if (parts.mode !== undefined && !MODES.has(parts.mode)) throw new MeshError('invalid_option', 'authorizeMode: must be one of enforce, audit');
    this.#parts = parts;
    this.#mode = parts.mode ?? 'enforce';
  }

  /**
   * What mesh-core answers itself, every member of the trust domain may ask.
   * @param known `head.method` where it is a registered one, else `_OTHER`: what the trail calls it
   * @returns with what it is refused; `undefined` where it goes on
   */
  refusal({ peer, session }: InboundSession, { method, trace }: RequestHead, known: string): MeshError | undefined {
    if (RESERVED_METHODS.has(method) || this.#allows(peer, method)) return undefined;
    const { serviceId, denials } = this.#parts;
    const mode = this.#mode;
    const error = new MeshError('permission_denied', `'${peer.serviceId}' may not call this method of '${serviceId}'${mode === 'audit' ? ': let through, authorizeMode is audit' : ''}`);
    denials.note({ peer, address: session.remoteAddress, method: known, error, trace, mode });
    return mode === 'audit' ? undefined : error;
  }

  #allows(peer: PeerIdentity, method: string): boolean {
    try {
      const answer: unknown = this.#parts.authorize(peer, method);
      if (typeof answer === 'boolean') return answer;
      // A rejection that nobody sees would end the process. Not Promise.resolve(): a hostile `then` may throw.
      if (typeof answer === 'object') new Promise((resolve) => resolve(answer)).catch(() => undefined);
      this.#complain(`answered no boolean but ${answer === null ? 'null' : `a value of type ${typeof answer}`}: it has to decide at once`);
    } catch (error) {
      this.#complain('threw', error);
    }
    return false;
  }

  #complain(what: string, error?: unknown): void {
    const { clock, logger } = this.#parts;
    const now = clock.monotonic();
    if (now < this.#complainsFrom) return;
    this.#complainsFrom = now + COMPLAINT_MS;
    logger.error(`authorize ${what}; the call counts as denied`, error === undefined ? undefined : { error: error instanceof Error ? (error.stack ?? error.message) : MeshError.from(error).text });
  }
}
