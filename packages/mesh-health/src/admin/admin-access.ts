import type { IncomingHttpHeaders } from 'node:http';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { BearerToken } from './bearer-token.js';
import { isLoopbackHost } from './loopback.js';

/** Who may use a route: `probe` anybody; `metrics` anybody but a web page; `operator` whoever has the token, or without one who is on this machine. */
export type AdminAccessLevel = 'probe' | 'metrics' | 'operator';

/** How somebody proved to be an operator. */
export type OperatorProof = 'token' | 'loopback';

/** Headers that a proxy adds: behind one all callers seem to be on this machine. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const;

/** What decides. */
export interface AdminAccessFacts {
  readonly token: BearerToken | undefined;
  /** Where it is bound, as the socket says. */
  readonly address: string;
  readonly isLoopback: boolean;
}

/** Decides who may use what. Without a token the machine is the border, and then nothing may carry a stranger's request over it: no web page, no proxy. */
export class AdminAccess {
  readonly #facts: AdminAccessFacts;

  constructor(facts: AdminAccessFacts) {
    this.#facts = facts;
  }

  /** Why the request is refused; `undefined` if it is not. */
  refusal(level: AdminAccessLevel, headers: IncomingHttpHeaders): MeshError | undefined {
    switch (level) {
      case 'probe':
        return undefined;
      case 'metrics':
        return this.#facts.isLoopback ? rebound(headers) : undefined;
      case 'operator':
        return this.#operatorRefusal(headers);
    }
  }

  /** How an operator who was not refused has shown to be one. */
  get proof(): OperatorProof {
    return this.#facts.token === undefined ? 'loopback' : 'token';
  }

  #operatorRefusal(headers: IncomingHttpHeaders): MeshError | undefined {
    const { token, isLoopback, address } = this.#facts;
    if (token !== undefined) {
      if (token.matches(headers.authorization)) return undefined;
      const what = headers.authorization === undefined ? 'show the token of the option admin.token' : 'this is not the token of the option admin.token';
      return new MeshError('admin_unauthenticated', `${what}, as 'Authorization: Bearer …'`);
    }
    if (!isLoopback) return new MeshError('admin_forbidden', `the admin endpoint is bound to ${address} without a token: only probes and metrics are served; set admin.token, or leave admin.host at 127.0.0.1`);
    const proxy = PROXY_HEADERS.find((name) => headers[name] !== undefined);
    if (proxy !== undefined) return new MeshError('admin_forbidden', `the request came through a proxy (header ${proxy}), and anybody may stand behind it: set admin.token`);
    return rebound(headers) ?? fromPage(headers);
  }
}

/** A page whose name was pointed at this machine is allowed by its browser to read the answer (DNS rebinding). */
function rebound(headers: IncomingHttpHeaders): MeshError | undefined {
  if (isLoopbackHost(headers.host)) return undefined;
  return new MeshError('admin_forbidden', 'the header Host names another machine, as a web page does that had its name pointed here: ask for localhost or 127.0.0.1');
}

/** Browsers say of which page a request is; `none` is one that the user made. */
function fromPage(headers: IncomingHttpHeaders): MeshError | undefined {
  const site = headers['sec-fetch-site'];
  if (headers.origin === undefined && (site === undefined || site === 'none')) return undefined;
  return new MeshError('admin_forbidden', 'the request is a web page\'s: without admin.token none is served');
}
