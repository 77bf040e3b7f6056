// Takes the money.
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { FileAdapter, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { ParentAdapter, parentLogger, rotationOfTheDemo, serve } from './parent.mjs';

const adapter = new ParentAdapter();
const mesh = new SecureMesh({
  serviceId: 'payment',
  port: 0,
  rotation: rotationOfTheDemo,
  monitoring: { adapters: [adapter, new FileAdapter(process.env.DEMO_AUDIT_DIR), new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory: process.env.DEMO_LEDGER_DIR })] },
  logger: parentLogger,
});
let receipts = 0;

mesh.handle('charge', ({ cents }) => ({ receipt: ++receipts, cents, pid: process.pid }));

await serve(mesh, { adapter });
