// Takes orders and has payment charge them.
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { FileAdapter, MeshError, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { Registry } from 'prom-client';
import { BreakerWatch } from './breaker-watch.mjs';
import { ParentAdapter, parentLogger, rotationOfTheDemo, serve, tellParent } from './parent.mjs';

const CENTS_A_COPY = 1_250;

const adapter = new ParentAdapter();
const mesh = new SecureMesh({
  serviceId: 'order',
  port: 0,
  rotation: rotationOfTheDemo,
  // A breaker is open for a minute by default, and a slow start takes 10 s: too long to watch.
  resilience: { rateLimit: JSON.parse(process.env.DEMO_RATE_LIMIT), circuitBreaker: { timeout: Number(process.env.DEMO_BREAKER_MS) } },
  loadBalancing: { slowStartMs: Number(process.env.DEMO_SLOW_START_MS) },
  // Probes, metrics and more over HTTP, on this machine only; any free port.
  admin: { port: 0 },
  monitoring: {
    adapters: [
      adapter,
      new FileAdapter(process.env.DEMO_AUDIT_DIR),
      new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory: process.env.DEMO_LEDGER_DIR }),
      new PrometheusAdapter({ register: new Registry() }),
    ],
  },
  logger: parentLogger,
});
const payment = mesh.connect('payment');
const breaker = new BreakerWatch(mesh);
/** Prices told, by who asked. */
const prices = {};

mesh.handle('placeOrder', async ({ id, book, copies }, { signal }) => {
  const { receipt, cents, pid } = await charge({ id, cents: copies * CENTS_A_COPY }, signal);
  return { book, copies, cents, receipt, pids: [process.pid, pid] };
});

mesh.handle('price', ({ book, copies }, { peer }) => {
  prices[peer.serviceId] = (prices[peer.serviceId] ?? 0) + 1;
  return { book, copies, cents: copies * CENTS_A_COPY, pids: [process.pid] };
});

async function charge(input, signal) {
  const startedAt = performance.now();
  try {
    // One attempt: a customer who waits would rather learn at once that payment is down than when it is tried again.
    const answer = payment.call('charge', input, { signal, retry: false });
    breaker.made();
    const receipt = await answer;
    breaker.ended();
    return receipt;
  } catch (error) {
    if (error.reason === 'circuit_open') breaker.refused(performance.now() - startedAt);
    else breaker.ended(error);
    throw inOrdersWords(error);
  }
}

/** That payment is down is not to look to order's callers as if order were: UNAVAILABLE, passed on, would open their breakers for order. */
function inOrdersWords(error) {
  const { code, reason, text, mayHaveRun } = MeshError.from(error);
  if (code !== 'UNAVAILABLE') return error;
  return new MeshError(reason, text, { code: 'FAILED_PRECONDITION', cause: error, details: { charged: mayHaveRun === false ? 'no' : 'unknown' } });
}

await serve(mesh, {
  adapter,
  figures: () => ({ breaker: breaker.take(), prices }),
  // Somebody may have read the memory of this process: another static key, and a new handshake for every session.
  on: { compromise: async () => tellParent({ type: 'renewed', result: await mesh.rotateKeys({ reason: 'compromise' }) }) },
});
