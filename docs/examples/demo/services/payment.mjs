// Takes the money.
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { FileAdapter, MeshError, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { ParentAdapter, parentLogger, rotationOfTheDemo, serve } from './parent.mjs';
import { PaymentLedger } from './payment-ledger.mjs';

const adapter = new ParentAdapter();
const mesh = new SecureMesh({
  serviceId: 'payment',
  port: 0,
  rotation: rotationOfTheDemo,
  monitoring: { adapters: [adapter, new FileAdapter(process.env.DEMO_AUDIT_DIR), new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory: process.env.DEMO_LEDGER_DIR })] },
  logger: parentLogger,
});
const ledger = new PaymentLedger();
let receipts = 0;
let databaseIsDown = false;

mesh.handle('charge', ({ id, cents }) => {
  if (databaseIsDown) {
    ledger.declined(id);
    throw new MeshError('database_down', 'the database of payment does not answer', { code: 'UNAVAILABLE' });
  }
  ledger.charged(id);
  return { receipt: ++receipts, cents, pid: process.pid };
});

await serve(mesh, {
  adapter,
  figures: () => ({ payments: ledger.take() }),
  on: { database: ({ down }) => (databaseIsDown = down) },
});
