// A mesh with an admin endpoint in a process of its own. ADMIN: the option, as JSON. Tells its ports; ends by itself once it is told to.
import { PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const { ADMIN = '{}', KEYS_DIR, RUNTIME_DIR } = process.env;
const trail = [];
const recorder = { durable: true, logEvent: async ({ eventType, details }) => void trail.push({ eventType, ...details }) };
const mesh = new SecureMesh({
  serviceId: 'payments',
  port: 0,
  admin: JSON.parse(ADMIN),
  paths: { keysDir: KEYS_DIR, runtimeDir: RUNTIME_DIR },
  monitoring: { adapters: [recorder, new PrometheusAdapter()] },
});
mesh.handle('pay', (input) => input);
await mesh.initialize();
process.on('message', async (question) => {
  await mesh.audit.flush();
  if (question === 'trail') return process.send(trail);
  await mesh.cleanup();
  process.disconnect();
});
process.send({ port: mesh.port, adminPort: mesh.adminPort });
