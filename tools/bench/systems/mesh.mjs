// This mesh through its public API: local trust domain, metrics on, no audit adapter.
import { join } from 'node:path';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const pathsIn = (scratch) => ({ keysDir: join(scratch, 'keys'), logsDir: join(scratch, 'logs'), runtimeDir: join(scratch, 'run') });

/** The two ends with a given `monitoring` option each, made from the scratch folder. @param rotation of both ends @param more options of both */
export function meshWith({ server: serverMonitoring, client: clientMonitoring = serverMonitoring, rotation = {}, more = {} }) {
  let server;
  let client;

  /** One mesh a process, as services have it; what connects and disconnects is its session. */
  async function clientMesh({ port, scratch }) {
    const mesh = new SecureMesh({
      serviceId: 'echo-client',
      port: 0,
      monitoring: clientMonitoring(scratch),
      rotation,
      ...more,
      discovery: { services: [{ id: 'echo', host: '127.0.0.1', port }] },
      paths: pathsIn(scratch),
    });
    await mesh.initialize();
    return mesh;
  }

  return {
    async startServer({ scratch }) {
      server = new SecureMesh({ serviceId: 'echo', port: 0, monitoring: serverMonitoring(scratch), rotation, ...more, paths: pathsIn(scratch) });
      server.handle('echo', (input) => input);
      await server.initialize();
      return { target: { port: server.port, scratch }, stop: () => server.close() };
    },

    async connect(target) {
      client ??= await clientMesh(target);
      const echo = client.connect('echo');
      const call = (payload) => echo.call('echo', payload);
      return { json: call, bytes: call, close: () => client.disconnect('echo') };
    },

    /** How often the keys of this end's sessions were replaced. */
    rekeys: () => (server ?? client)?.metrics().rekeys ?? 0,

    /** Audit events that this end's adapters never got: a round with any did not measure what it claims. */
    lostEvents() {
      const { adapters = [] } = (server ?? client)?.getStats().audit ?? {};
      return adapters.reduce((sum, { dropped, deadLettered }) => sum + dropped + deadLettered, 0);
    },
  };
}

export const { startServer, connect, lostEvents, rekeys } = meshWith({ server: () => ({ adapters: [] }) });
