// Two services: `checkout`, which is monitored, and `payment`, which it calls, and which asks it for prices.
import { MeshError, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

/** What `checkout` lets a peer ask for prices. */
export const PRICE_LIMIT = { maxRequests: 20, windowMs: 1_000 };

/** @param stack of stack.mjs */
export async function startServices({ adapters }, { paths, logger }) {
  const checkout = new SecureMesh({
    serviceId: 'checkout',
    port: 0,
    paths,
    logger,
    // Probes, figures and what Prometheus scrapes, on this machine only; any free port.
    admin: { port: 0 },
    // A breaker is open for a minute by default, and how many calls were refused is said every 10 s: too long to watch.
    resilience: {
      circuitBreaker: { failureThreshold: 5, timeout: 1_000 },
      rateLimit: { maxRequests: 1_000, windowMs: 1_000, methods: { price: PRICE_LIMIT }, auditWindowMs: 1_000 },
    },
    monitoring: {
      adapters,
      // Elasticsearch, Datadog or PagerDuty may be away for an hour: what they do not take waits on disk.
      spill: true,
      // Every 10 s by default: Datadog gets metrics more than once in these few seconds.
      metricsIntervalMs: 1_000,
    },
  });
  const payment = new SecureMesh({ serviceId: 'payment', port: 0, paths, logger });

  const database = { up: true };
  payment.handle('charge', ({ cents }) => {
    if (!database.up) throw new MeshError('database_down', 'no connection to the database', { code: 'UNAVAILABLE' });
    return { receipt: `r-${cents}` };
  });
  checkout.handle('price', ({ copies }) => ({ cents: 1_250 * copies }));

  await payment.initialize();
  await checkout.initialize();
  return { checkout, payment, database };
}
