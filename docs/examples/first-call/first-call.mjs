import { ConsoleAdapter, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

// Usually a process of its own. Port 0: any free one, others find the service by its name.
const users = new SecureMesh({ serviceId: 'user-service', port: 0 });
users.handle('getUser', ({ id }, { peer }) => ({ id, name: 'Ada', askedBy: peer.id }));
await users.initialize();

// Another service. The console shows what gets audited: who was let in, who was not, and why.
const orders = new SecureMesh({ serviceId: 'order-service', port: 0, monitoring: { adapters: [new ConsoleAdapter()] } });
await orders.initialize();

// The first call connects. Both sides prove who they are, then everything is encrypted end to end.
const client = orders.connect('user-service');
console.log(await client.call('getUser', { id: 1 }, { timeoutMs: 5_000 }));
console.log(orders.getStats().connectedServices); // [ 'user-service' ]

await orders.cleanup();
await users.cleanup();
