// An attacker on the same machine: it can write to the registry in which services find each other, it can dial every service, and
// it knows the public certificate of their trust domain. What it does not have is a certificate of that trust domain.
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalTrustDomain } from '@lemur-bookstores/mesh-ca';
import { LocalDiscovery, MeshNode } from '@lemur-bookstores/mesh-core';
import { CryptoManager } from '@lemur-bookstores/mesh-crypto';
import { SecureMesh, silentLogger } from '@lemur-bookstores/secure-stack-mesh';
import { serve } from './services/parent.mjs';

const serviceId = 'payment';
const victims = { trustDomain: process.env.DEMO_TRUST_DOMAIN, authority: Buffer.from(process.env.DEMO_AUTHORITY, 'base64') };
const keysDir = process.env.MESH_KEYS_DIR;
const figures = { answered: 0, calls: 0, gotThrough: 0 };

// First attack: be payment. It registers under that name, so that order dials it, and would answer whatever is asked.
const trap = new SecureMesh({ serviceId, port: 0, logger: silentLogger });
trap.handle('charge', ({ cents }) => {
  figures.answered++;
  return { receipt: 1, cents, pid: process.pid };
});

// Second attack: call the others. A mesh of ours would not talk to services it cannot trust; this one is put together from parts,
// with an identity that claims to trust them, so that the handshake gets as far as they let it.
const ownIdentity = new LocalTrustDomain({ serviceId, keysDir });
const gullible = { load: async () => ({ ...(await ownIdentity.load()), trustDomain: victims.trustDomain, trustBundle: [victims.authority] }) };
const registry = new LocalDiscovery();
const burglar = new MeshNode({
  serviceId,
  port: 0,
  host: '127.0.0.1',
  channels: new CryptoManager({ serviceId, identity: gullible, logger: silentLogger }),
  discovery: { register: async () => {}, discover: (id) => registry.discover(id) },
  logger: silentLogger,
});

let stopping = false;
async function burgle(victim) {
  const client = burglar.connect(victim);
  while (!stopping) {
    figures.calls++;
    try {
      await client.call('placeOrder', { book: 'stolen', copies: 1_000 }, { timeoutMs: 500 });
      figures.gotThrough++;
    } catch {
      // What the services say about it is in their audit trails.
    }
    await sleep(200);
  }
}

let burglaries;
await serve(trap, {
  figures: () => ({ impostor: { ...figures, sessions: trap.getStats().metrics.connectionsSuccessful + burglar.snapshot().connectionsSuccessful } }),
  on: {
    load: async () => {
      await burglar.start();
      burglaries = Promise.all(['order', 'gateway'].map(burgle));
    },
  },
  beforeStop: async () => {
    stopping = true;
    await burglaries;
    await burglar.stop();
  },
});
