// Moleculer over its TCP transporter with the JSON serializer. It has no encryption, no identity and no binary calls; a node joins
// by gossip, so there is no connecting to be timed.
import { ServiceBroker } from 'moleculer';

export const cannot = ['bytes', 'connect'];

const broker = (nodeID, urls, port) =>
  new ServiceBroker({
    nodeID,
    logger: false,
    metrics: false,
    tracing: false,
    registry: { preferLocal: false },
    transporter: { type: 'TCP', options: { udpDiscovery: false, port, urls, gossipPeriod: 0.2 } },
  });

export async function startServer() {
  const node = broker('echo-server', [], null);
  node.createService({ name: 'echo', actions: { json: (context) => context.params } });
  await node.start();
  return { target: { port: node.getLocalNodeInfo().port }, stop: () => node.stop() };
}

export async function connect({ port }) {
  const node = broker('echo-client', [`tcp://127.0.0.1:${port}/echo-server`], null);
  await node.start();
  await node.waitForServices('echo', 20_000);
  return { json: (value) => node.call('echo.json', value), close: () => node.stop() };
}
