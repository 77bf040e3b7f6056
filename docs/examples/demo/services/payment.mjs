// Takes the money.
import { FileAdapter, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { ParentAdapter, parentLogger, serve } from './parent.mjs';

const adapter = new ParentAdapter();
const mesh = new SecureMesh({ serviceId: 'payment', port: 0, monitoring: { adapters: [adapter, new FileAdapter(process.env.DEMO_AUDIT_DIR)] }, logger: parentLogger });
let receipts = 0;

mesh.handle('charge', ({ cents }) => ({ receipt: ++receipts, cents, pid: process.pid }));

await serve(mesh, { adapter });
