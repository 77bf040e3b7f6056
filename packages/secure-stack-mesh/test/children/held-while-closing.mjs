// A mesh with an admin endpoint that is told to end while nothing but the endpoint's connections are there. Says which events were delivered, and when cleanup() was done.
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const saying = { durable: true, logEvent: async ({ details }) => console.log(details.action) };
const mesh = new SecureMesh({ serviceId: 'payments', port: 0, admin: { port: 0 }, monitoring: { adapters: [saying] } });
await mesh.initialize();
process.send({ adminPort: mesh.adminPort });
await new Promise((resolve) => process.once('message', resolve));
process.disconnect();
await mesh.cleanup();
console.log('cleaned up');
