// This mesh as in mesh, with parts of what makes calls survive: which, the environment says.
import { meshWith } from './mesh.mjs';

const OFF = { circuitBreaker: false, retry: false, concurrency: false, inheritDeadlines: false };
const ALL = {
  circuitBreaker: { failureThreshold: 5 },
  retry: { maxAttempts: 3 },
  rateLimit: { maxRequests: 1_000_000_000, windowMs: 1_000 },
  concurrency: { limit: 1_000, queue: 1_000 },
  inheritDeadlines: true,
};

/** By the name in `MESH_RESILIENCE`. */
const OPTIONS = {
  none: { resilience: OFF },
  defaults: {},
  inherited: { resilience: { inheritDeadlines: true } },
  'not inherited': { resilience: { inheritDeadlines: false } },
  all: { resilience: ALL, loadBalancing: { strategy: 'least-loaded' } },
};

export const { startServer, connect, lostEvents } = meshWith({ server: () => ({ adapters: [] }), more: OPTIONS[process.env.MESH_RESILIENCE ?? 'none'] });
