// A mesh without the package secure-stack-mesh: every part is made by hand and handed to the part that needs it. None of them
// knows another; what they have in common are the interfaces of mesh-interface.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { AuditLogger } from '@lemur-bookstores/mesh-audit';
import { LocalTrustDomain } from '@lemur-bookstores/mesh-ca';
import { MeshNode, StaticDiscovery } from '@lemur-bookstores/mesh-core';
import { CryptoManager } from '@lemur-bookstores/mesh-crypto';
import { HealthMonitor, cryptoCheck, meshCoreCheck } from '@lemur-bookstores/mesh-health';

const keysDir = await mkdtemp(join(tmpdir(), 'compose-from-parts-'));

/** Puts the parts of one service together. @param services where the others are */
function compose(serviceId, services) {
  const crypto = new CryptoManager({ serviceId, identity: new LocalTrustDomain({ serviceId, keysDir }) });
  const audit = new AuditLogger({ serviceId, adapters: [new ConsoleAdapter()] });
  const health = new HealthMonitor();
  const node = new MeshNode({
    serviceId,
    port: 0,
    host: '127.0.0.1',
    channels: crypto,
    discovery: new StaticDiscovery(services),
    audit,
    health: () => health.getOverallStatus(),
  });
  health.registerCheck(cryptoCheck({ selfTest: () => crypto.selfTest() }));
  health.registerCheck(meshCoreCheck({ isListening: () => node.state === 'running', activeSessions: () => node.snapshot().sessions.inbound }));
  const start = async () => {
    await node.start();
    health.start();
  };
  const stop = async () => {
    await node.stop();
    health.stop();
    await audit.close();
    crypto.close();
  };
  return { node, health, start, stop };
}

const stock = compose('stock', []);
stock.node.handle('reserve', ({ book, copies }, { peer }) => ({ book, reserved: copies, for: peer.serviceId }));
await stock.start();

const shop = compose('shop', [{ id: 'stock', host: '127.0.0.1', port: stock.node.port }]);
await shop.start();

const answer = await shop.node.connect('stock').call('reserve', { book: 'Middlemarch', copies: 2 });
const { status, checks } = await stock.health.health();
console.log('stock answered:', answer);
console.log('stock is', status, Object.keys(checks));

await shop.stop();
await stock.stop();
await rm(keysDir, { recursive: true });
if (answer.reserved !== 2 || answer.for !== 'shop' || status !== 'healthy') throw new Error('not what was expected');
