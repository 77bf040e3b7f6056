import type { InterceptedCall, PeerIdentity } from '@lemur-bookstores/mesh-interface';

export const peerOf = (serviceId: string): PeerIdentity => ({ id: `spiffe://mesh.example/${serviceId}`, trustDomain: 'mesh.example', serviceId, publicKey: 'key', notAfter: 0 });

/** A call out of a service, with all the time there is. */
export function outbound(changes: Partial<InterceptedCall> = {}): InterceptedCall {
  return { direction: 'outbound', service: 'payments', method: 'charge', input: 1, metadata: {}, deadline: Infinity, signal: new AbortController().signal, ...changes };
}

/** A call into a service. */
export function inbound(changes: Partial<InterceptedCall> = {}): InterceptedCall {
  return { ...outbound(changes), direction: 'inbound', peer: peerOf('orders'), ...changes };
}

/** An answer that a test gives when it wants to. */
export class Answer<Value = unknown> {
  resolve!: (value: Value) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<Value>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** What a promise came to: for looking at a rejection. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`succeeded with ${String(value)}`);
    },
    (error: unknown) => error,
  );
