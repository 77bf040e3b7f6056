// Where the callers come in: each of their orders goes gateway → order → payment and back.
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { FileAdapter, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { Registry } from 'prom-client';
import { Callers } from './callers.mjs';
import { ParentAdapter, parentLogger, rotationOfTheDemo, serve, tellParent } from './parent.mjs';

const adapter = new ParentAdapter();
const mesh = new SecureMesh({
  serviceId: 'gateway',
  port: 0,
  rotation: rotationOfTheDemo,
  // Probes, metrics and more over HTTP, on this machine only; any free port.
  admin: { port: 0 },
  monitoring: {
    adapters: [
      adapter,
      new FileAdapter(process.env.DEMO_AUDIT_DIR),
      new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory: process.env.DEMO_LEDGER_DIR }),
      new PrometheusAdapter({ register: new Registry() }),
    ],
  },
  logger: parentLogger,
});
const order = mesh.connect('order');

/** One call in so many only asks for a price. */
const ASKS = 50;
let calls = 0;

const callers = new Callers({
  callers: Number(process.env.DEMO_CALLERS),
  callsPerSecond: Number(process.env.DEMO_CALLS_PER_SECOND),
  call: (input) => order.call(++calls % ASKS === 0 ? 'price' : 'placeOrder', input, { timeoutMs: 5_000 }),
  onRecovered: (outage) => void tellParent({ type: 'recovered', outage }),
});

await serve(mesh, {
  adapter,
  figures: () => ({ calls: callers.takeTally(), orders: callers.takeOrders(), outage: callers.outage }),
  on: { load: () => callers.start(), outage: ({ since, pid }) => callers.beginOutage(since, pid) },
  beforeStop: () => callers.stop(),
});
