// A service whose calls cost CPU time, with room for a few: it is offered more than it can take, and says how much memory that needs.
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const [limit, queue] = [Number(process.env.LIMIT), Number(process.env.QUEUE)];
const mesh = new SecureMesh({ serviceId: 'payments', port: 0, monitoring: { enabled: false }, resilience: { concurrency: { limit, queue } } });
let [running, mostRunning, ran, peak] = [0, 0, 0, 0];
mesh.handle('pay', async ({ key }) => {
  running += 1;
  mostRunning = Math.max(mostRunning, running);
  for (const until = performance.now() + 1; performance.now() < until; );
  await new Promise((resolve) => setImmediate(resolve));
  running -= 1;
  ran += 1;
  return key;
});
await mesh.initialize();
setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
const answers = {
  settle: () => {
    for (let i = 0; i < 3; i += 1) globalThis.gc();
    peak = process.memoryUsage().rss;
    return peak;
  },
  figures: () => ({ mostRunning, ran, peak }),
};
process.on('message', (question) => process.send(answers[question]()));
process.on('disconnect', () => process.exit());
process.send(mesh.port);
