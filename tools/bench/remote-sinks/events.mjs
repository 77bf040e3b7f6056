// The events that every remote sink gets: those of calls mostly, as a mesh makes them.
import { randomUUID } from 'node:crypto';

const KINDS = [
  ['message', { action: 'message.sent', success: true, duration: 1.25, metadata: { direction: 'outbound', method: 'charge', bytesIn: 312, bytesOut: 96 } }],
  ['message', { action: 'message.received', success: true, duration: 0.75, metadata: { direction: 'inbound', method: 'placeOrder', peerId: 'spiffe://mesh.example/gateway' } }],
  ['message', { action: 'message.failed', success: false, duration: 30.5, error: 'database_down: no connection to the primary', metadata: { direction: 'outbound', method: 'charge' } }],
  ['connection', { action: 'auth.succeeded', success: true, duration: 3.5, metadata: { direction: 'inbound', peerId: 'spiffe://mesh.example/gateway', suite: 'aesgcm' } }],
];

/** One in so many is of a breaker that opens. */
const RARE = 1_000;
const BREAKER = ['circuit_breaker', { action: 'breaker.opened', success: false, error: 'circuit_open: 5 calls failed, the last with connect_failed', metadata: { direction: 'outbound', endpoint: '10.1.7.9:50051', failures: 5 } }];
const kindAt = (index) => (index % RARE === RARE - 1 ? BREAKER : KINDS[index % KINDS.length]);

/** About 400 bytes each as JSON; every one with an id of its own, for a sink that knows an id takes nothing. */
export function makeEvents(count, firstSequence = 1) {
  return Array.from({ length: count }, (_, index) => {
    const [eventType, details] = kindAt(index);
    return Object.freeze({
      id: randomUUID(), sequence: firstSequence + index, timestamp: new Date(), eventType, serviceId: 'order-service', targetServiceId: 'payment-service', details,
      trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
    });
  });
}

/** What the audit logger makes events of. */
export const makeInput = (index) => {
  const [eventType, details] = kindAt(index);
  return { eventType, targetServiceId: 'payment-service', details };
};
