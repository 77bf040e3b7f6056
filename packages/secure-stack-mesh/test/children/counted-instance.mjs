// An instance of a service that is killed: before a call runs, its key is in a file of this process, whatever becomes of the process afterwards.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const runs = openSync(process.env.RUNS_FILE, 'wx');
const port = Number(process.env.PORT ?? 0);
const mesh = new SecureMesh({ serviceId: 'payments', port, monitoring: { enabled: false } });
mesh.handle('pay', async ({ key, ms }) => {
  writeSync(runs, `${key}\n`);
  await wait(ms);
  return { key, pid: process.pid };
});
const orphaned = () => process.exit();
process.once('SIGTERM', async () => {
  await mesh.cleanup();
  process.off('disconnect', orphaned);
  process.disconnect();
});
await mesh.initialize();
// Whoever started it has ended: nobody else would end it.
process.on('disconnect', orphaned);
process.send({ pid: process.pid, port: mesh.port });
