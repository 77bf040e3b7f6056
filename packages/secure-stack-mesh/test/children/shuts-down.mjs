// A service as docs/health.md shows it: a mesh, probes over plain HTTP, one call for its shutdown. MODE: what is different.
import { createServer } from 'node:http';
import { probes } from '@lemur-bookstores/mesh-health';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const { MODE = '', SERVICE_ID = 'orders', WAIT_MS = '300' } = process.env;
const mesh = new SecureMesh({ serviceId: SERVICE_ID, port: 0 });
let let_go;
const gate = new Promise((resolve) => (let_go = resolve));
mesh.handle('whoami', () => process.pid);
mesh.handle('slow', async () => {
  process.send('slow');
  await gate;
  return 'answered';
});
const server = createServer(probes(mesh));
const shutdown = mesh.shutdownOn(['SIGTERM', 'SIGINT'], {
  waitMs: Number(WAIT_MS),
  ...(MODE === 'bounded' ? { timeoutMs: Number(WAIT_MS) + 300 } : {}),
  ...(MODE === 'no-exit' ? { exit: false } : {}),
  beforeClose: async () => {
    if (MODE === 'throws') throw new Error('a hook that fails');
    if (MODE === 'no-exit') server.close();
    if (process.connected) process.send('closing');
  },
});
void shutdown.done.then((end) => console.log(JSON.stringify(end)));
process.on('message', () => let_go());
await mesh.initialize();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
process.send?.({ port: server.address().port });
if (MODE === 'no-exit') process.disconnect();
