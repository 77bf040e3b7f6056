// Uses what is built. Prints what it found, and ends by itself: by nothing else being left to do.
import { DnsDiscovery } from '../../dist/index.js';

const [mode, port] = process.argv.slice(2);
const discovery = new DnsDiscovery({ services: { orders: { name: 'orders.test', port: 1 } }, servers: [`127.0.0.1:${port}`], timeoutMs: 300 });
const print = (nodes) => console.log(nodes.map(({ host }) => host).join());

if (mode === 'watch-and-discover') discovery.watch('orders', print, () => {});
if (mode.endsWith('discover')) {
  print(await discovery.discover('orders').catch(({ reason }) => [{ host: reason }]));
} else if (mode === 'watch') {
  // Something else to do until the first set is there.
  const busy = setInterval(() => {}, 1_000);
  discovery.watch('orders', (nodes) => {
    print(nodes);
    clearInterval(busy);
  });
} else {
  discovery.watch('orders', print, (error) => console.log(error?.reason));
  console.log('asked');
}
