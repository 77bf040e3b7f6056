// Many clients in one process, each with a session of its own to one server: `node idle-clients.mjs`. They share an identity, as the
// instances of a service do, and use the parts of the mesh without the composition: what is measured is the server.
import { join } from 'node:path';
import { localTrustDomain } from '@lemur-bookstores/mesh-ca';
import { MeshNode, StaticDiscovery } from '@lemur-bookstores/mesh-core';
import { CryptoManager } from '@lemur-bookstores/mesh-crypto';
import { answerTasks } from './tasks.mjs';

const SERVICE = 'idle-client';
const AT_ONCE = 8;
const nodes = [];

async function openSession(channels, port) {
  const node = new MeshNode({ serviceId: SERVICE, port: 0, host: '127.0.0.1', channels, discovery: new StaticDiscovery([{ id: 'echo', host: '127.0.0.1', port }]) });
  await node.start();
  nodes.push(node);
  await node.connect('echo').call('echo', 'here');
}

answerTasks({
  open: async ({ port, scratch, count }) => {
    const channels = new CryptoManager({ serviceId: SERVICE, identity: localTrustDomain({ serviceId: SERVICE, keysDir: join(scratch, 'keys') }) });
    let left = count;
    const opener = async () => {
      while (left-- > 0) await openSession(channels, port);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, opener));
  },
  sessions: () => nodes.filter((node) => node.snapshot().sessions.outbound === 1).length,
});
