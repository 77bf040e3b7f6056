// Run by kill-audit.test.ts, and killed: audits into files, and says on stdout, synchronously, what was acknowledged and each checkpoint.
import { writeSync } from 'node:fs';
import { AuditLogger } from '@lemur-bookstores/mesh-audit';
import { FileAdapter } from '@lemur-bookstores/adapter-file';

const [directory, keysDir] = process.argv.slice(2);
const say = (message) => writeSync(1, `${JSON.stringify(message)}\n`);
const file = new FileAdapter(directory, { signWith: keysDir, rotation: { maxBytes: 64 * 1024 }, onCheckpoint: ({ note }) => say({ note }) });
const logger = { debug() {}, info() {}, warn() {}, error: (error, fields) => say({ error, fields }) };
const audit = new AuditLogger({ serviceId: 'orders', adapters: [file], logger });
let count = 0;
const caller = async () => {
  for (;;) {
    const own = (count += 1);
    await audit.log({ eventType: 'connection', details: { action: 'auth.failed', success: false, metadata: { writer: process.pid, own, padding: 'x'.repeat(own % 300) } } });
    if (own === 1) say({ publicKey: file.publicKey });
    say({ own });
  }
};
await Promise.all([caller(), caller(), caller(), caller(), caller()]);
