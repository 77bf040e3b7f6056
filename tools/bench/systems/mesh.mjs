// This mesh through its public API: local trust domain, metrics on, no audit adapter.
import { join } from 'node:path';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const pathsIn = (scratch) => ({ keysDir: join(scratch, 'keys'), logsDir: join(scratch, 'logs'), runtimeDir: join(scratch, 'run') });

/** The two ends with a given `monitoring` option. */
export function meshWith(monitoring) {
  let client;

  /** One mesh a process, as services have it; what connects and disconnects is its session. */
  async function clientMesh({ port, scratch }) {
    const mesh = new SecureMesh({
      serviceId: 'echo-client',
      port: 0,
      monitoring,
      discovery: { services: [{ id: 'echo', host: '127.0.0.1', port }] },
      paths: pathsIn(scratch),
    });
    await mesh.initialize();
    return mesh;
  }

  return {
    async startServer({ scratch }) {
      const mesh = new SecureMesh({ serviceId: 'echo', port: 0, monitoring, paths: pathsIn(scratch) });
      mesh.handle('echo', (input) => input);
      await mesh.initialize();
      return { target: { port: mesh.port, scratch }, stop: () => mesh.close() };
    },

    async connect(target) {
      client ??= await clientMesh(target);
      const echo = client.connect('echo');
      const call = (payload) => echo.call('echo', payload);
      return { json: call, bytes: call, close: () => client.disconnect('echo') };
    },
  };
}

export const { startServer, connect } = meshWith({ adapters: [] });
