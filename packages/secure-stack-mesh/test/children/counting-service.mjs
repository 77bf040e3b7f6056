// An instance of a service that counts how often it ran what. OPTIONS: of its mesh; NAME: what it answers with.
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const runs = new Map();
const mesh = new SecureMesh({ serviceId: 'payments', port: 0, ...JSON.parse(process.env.OPTIONS) });
mesh.handle('run', async ({ key, padding }) => {
  runs.set(key, (runs.get(key) ?? 0) + 1);
  if (key % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return { key, by: process.env.NAME, padding };
});
await mesh.initialize();

const answers = {
  runs: () => [...runs],
  sessions: () => mesh.getStats().sessions.activeSessions,
};
process.on('message', (question) => process.send(answers[question]()));
process.send(mesh.port);
