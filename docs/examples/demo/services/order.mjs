// Takes orders and has payment charge them.
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { FileAdapter, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { ParentAdapter, parentLogger, rotationOfTheDemo, serve, tellParent } from './parent.mjs';

const CENTS_A_COPY = 1_250;

const adapter = new ParentAdapter();
const mesh = new SecureMesh({
  serviceId: 'order',
  port: 0,
  rotation: rotationOfTheDemo,
  monitoring: { adapters: [adapter, new FileAdapter(process.env.DEMO_AUDIT_DIR), new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory: process.env.DEMO_LEDGER_DIR })] },
  logger: parentLogger,
});
const payment = mesh.connect('payment');

mesh.handle('placeOrder', async ({ book, copies }, { signal }) => {
  const { receipt, cents, pid } = await payment.call('charge', { cents: copies * CENTS_A_COPY }, { signal });
  return { book, copies, cents, receipt, pids: [process.pid, pid] };
});

await serve(mesh, {
  adapter,
  // Somebody may have read the memory of this process: another static key, and a new handshake for every session.
  on: { compromise: async () => tellParent({ type: 'renewed', result: await mesh.rotateKeys({ reason: 'compromise' }) }) },
});
