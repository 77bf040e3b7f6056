import type { PeerIdentity } from './identity.js';
import type { MeshError } from './mesh-error.js';

/** A call in that asks to be let in. */
export interface GatedCall {
  /** Who calls, proven. */
  readonly peer: PeerIdentity;
  readonly method: string;
  /** Was told to wait: it is in, and has to be told of by {@link CallGate.ended}. Must not throw. */
  onPlace(): void;
  /** Was told to wait: it is refused. Must not throw. */
  onRefused(error: MeshError): void;
}

/**
 * Who lets calls in to the handlers of a node: limits of rate and concurrency. Synchronous where it can be; no promise, timer or object
 * per call. Deadlines are whoever asks: it leaves the line by {@link leave}.
 */
export interface CallGate {
  /**
   * Asked once for each call, before its handler.
   * @returns `undefined`: it is in, and has to be told of by {@link ended}. A MeshError: it is refused, and has not run. `'wait'`: it hears
   * once, of its place or its refusal, unless it leaves before
   */
  enter(call: GatedCall): MeshError | 'wait' | undefined;
  /** A call that waits no longer wants to. */
  leave(call: GatedCall): void;
  /** The handler of a call that was let in has ended, or will never run: once for each. May let in others that wait. */
  ended(): void;
}
