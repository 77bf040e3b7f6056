// Nanoseconds that each interceptor adds to a call that succeeds, in turns with a call without one. The call itself is a resolved promise that is awaited.
import {
  CircuitBreaker, compose, ConcurrencyLimit, DeadlinePropagation, RateLimiter, resilienceChain, Retry,
} from '../dist/index.js';

const CALLS = 100_000;
const ROUNDS = 9;
const PEERS = 1_000;

const { signal } = new AbortController();
const peers = Array.from({ length: PEERS }, (_each, i) => ({ id: `spiffe://mesh.example/service-${i}`, trustDomain: 'mesh.example', serviceId: `service-${i}`, publicKey: 'k', notAfter: 0 }));
const outbound = Array.from({ length: PEERS }, () => ({ direction: 'outbound', service: 'payments', method: 'charge', input: 1, metadata: {}, deadline: Infinity, signal }));
const inbound = peers.map((peer) => ({ ...outbound[0], direction: 'inbound', peer }));
const answer = Promise.resolve(1);
const next = () => answer;

const often = { maxRequests: 1e9, windowMs: 1 };
const deadline = new DeadlinePropagation();
const nested = (call, last) => deadline.outbound(call, last);
const parts = () => ({
  rateLimiter: new RateLimiter(often), outboundRateLimiter: new RateLimiter({ ...often, direction: 'outbound' }), deadline: new DeadlinePropagation(),
  concurrencyLimit: new ConcurrencyLimit(), outboundConcurrencyLimit: new ConcurrencyLimit({ direction: 'outbound' }), retry: new Retry(), circuitBreaker: new CircuitBreaker(),
});
const open = new CircuitBreaker({ failureThreshold: 1 });
await open.interceptor(outbound[0], () => Promise.reject(new Error('down'))).catch(() => undefined);

const subjects = {
  'none': [compose([]), outbound],
  'circuit breaker, consecutive': [new CircuitBreaker().interceptor, outbound],
  'circuit breaker, success rate': [new CircuitBreaker({ strategy: {} }).interceptor, outbound],
  'circuit breaker, open: refused': [(call, last) => open.interceptor(call, last).catch(() => undefined), outbound],
  'retry': [new Retry().interceptor, outbound],
  'rate limiter, 1,000 peers': [new RateLimiter(often).interceptor, inbound],
  'rate limiter, with a total': [new RateLimiter({ ...often, total: often }).interceptor, inbound],
  'concurrency limit': [new ConcurrencyLimit().interceptor, inbound],
  'deadline, call in': [deadline.interceptor, inbound],
  'deadline, call out of no handler': [deadline.interceptor, outbound],
  'deadline, call in with a nested one': [(call, last) => deadline.inbound(call, () => nested(outbound[0], last)), inbound],
  'all, call out': [resilienceChain(parts()), outbound],
  'all, call in': [resilienceChain(parts()), inbound],
};

async function nsPerCall([interceptor, calls]) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) await interceptor(calls[i % PEERS], next);
  return Number(process.hrtime.bigint() - start) / CALLS;
}

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];
const times = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
for (const subject of Object.values(subjects)) await nsPerCall(subject);
for (let round = 0; round < ROUNDS; round++) for (const [name, subject] of Object.entries(subjects)) times[name].push(await nsPerCall(subject));
const base = median(times.none);
console.table(Object.fromEntries(Object.entries(times).map(([name, values]) => [name, { 'ns a call': Math.round(median(values)), 'ns it adds': Math.round(median(values) - base) }])));
