// A mesh with default caps that says how much memory it needs while strangers besiege it.
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const refusals = [];
const adapter = {
  logEvent: async ({ details }) => {
    if (details.action === 'connection.refused') refusals.push(details);
  },
};
const mesh = new SecureMesh({ serviceId: 'payments', port: 0, monitoring: { adapters: [adapter] } });
mesh.handle('pay', (input) => input);
await mesh.initialize();

let peak = 0;
setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
const answers = {
  settle: () => {
    globalThis.gc();
    peak = process.memoryUsage().rss;
    return peak;
  },
  peak: () => Math.max(peak, process.memoryUsage().rss),
  refused: () => {
    const count = (reason) => refusals.filter(({ metadata }) => metadata.reason === reason).reduce((sum, { messageCount }) => sum + messageCount, 0);
    return { events: refusals.length, evicted: count('admission_limited'), timedOut: count('handshake_timeout') };
  },
  stats: () => mesh.getStats(),
};
process.on('message', (question) => process.send(answers[question]()));
process.send(mesh.port);
