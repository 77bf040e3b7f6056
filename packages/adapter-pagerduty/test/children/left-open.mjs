// Ends by itself: nothing that the adapter has open, or waits for, keeps the process.
import { AlertingAdapter } from '../../dist/index.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const adapter = new AlertingAdapter({ integrationKey: 'c0ffee00c0ffee00c0ffee00c0ffee00', url: 'http://127.0.0.1:9', logger: silent });
const event = {
  id: '0194aaaa-0000-7000-8000-000000000001', sequence: 1, timestamp: new Date(), eventType: 'circuit_breaker', serviceId: 'orders', targetServiceId: 'payments',
  details: { action: 'breaker.opened', success: false, metadata: { endpoint: 'a:1' } },
};
await adapter.start({ serviceId: 'orders', logger: silent, clock: { now: () => Date.now(), monotonic: () => performance.now(), setTimeout: (work, ms) => ({ timer: setTimeout(work, ms).unref(), cancel() {} }) }, metrics: () => ({}), paths: {}, emit() {} });
// Nothing else holds the process: sockets are unref'd as well, so that it is held for the answer only.
const hold = setTimeout(() => {}, 5_000);
await adapter.logEvents([event], { signal: new AbortController().signal }).catch((error) => console.log(error.reason));
clearTimeout(hold);
