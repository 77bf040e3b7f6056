// Initializes, calls, cleans up, and has nothing else to do: the process must end without being told to.
import { ConsoleAdapter, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

process.exit = () => {
  throw new Error('process.exit was called');
};
const adapters = {
  none: () => [],
  console: () => [new ConsoleAdapter({ level: 'debug', format: 'json', stream: process.stderr })],
  // Left alone by a user who forgot to close what he opened: its own timer is unref'd, as the contract asks for.
  custom: () => [{ durable: true, logEvent: async () => {}, timer: setInterval(() => {}, 1_000).unref() }],
};
const monitoring = () => ({ adapters: adapters[process.env.ADAPTER]() });
const { PEER_PORT } = process.env;

const payments = PEER_PORT === undefined ? new SecureMesh({ serviceId: 'payments', port: 0, monitoring: monitoring() }) : undefined;
payments?.handle('pay', ({ amount }) => ({ paid: amount }));
await payments?.initialize();
const orders = new SecureMesh({ serviceId: 'orders', port: 0, monitoring: monitoring() });
await orders.initialize();
const client = orders.connect('payments');
const answers = await Promise.all([1, 2, 3].map((amount) => client.call('pay', { amount })));
const health = await orders.healthCheck();
// A client of a service that is not there: its search must end, too.
await orders.connect('nobody').call('x', {}, { timeoutMs: 100 }).catch(() => {});

await orders.cleanup();
await payments?.cleanup();
const endedAt = Date.now();
// Sockets take a moment to say goodbye; nothing else may be there even now.
const active = () => process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|Immediate)$/.test(name));
while (active().length > 0 && Date.now() < endedAt + 1_000) await new Promise((resolve) => setImmediate(resolve));
console.log(JSON.stringify({ answers, health: health.status, resources: active(), endedAt }));
