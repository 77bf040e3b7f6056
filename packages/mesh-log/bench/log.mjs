// Durable acknowledged records a second with 1, 16, 256 and 4096 callers, each of whom waits for its acknowledgement before the next record;
// beside it, in the same rounds on the same disk, append + fdatasync for each record. Then how long a log of 100,000 records takes to open.
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LogWriter, SigningKey, verifyAuditLog } from '../dist/index.js';

const CALLERS = [1, 16, 256, 4096];
const ROUNDS = 3;
const ROUND_MS = 1500;
const root = mkdtempSync(join(process.env.BENCH_DIR ?? process.cwd(), '.bench-'));
const key = SigningKey.generate();

/** About 300 bytes, as an audit event of a call is. */
const event = JSON.stringify({
  id: '0198c0de-7000-7000-8000-000000000000', sequence: 123456, timestamp: new Date(), eventType: 'message', serviceId: 'order-service',
  targetServiceId: 'payment-service', details: { action: 'message.sent', success: true, duration: 1.25, metadata: { method: 'charge', callId: 123456 } },
});

async function perSecond(callers, record) {
  const start = performance.now();
  let records = 0;
  const caller = async () => {
    while (performance.now() - start < ROUND_MS) {
      await record();
      records += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (records * 1000) / (performance.now() - start);
}

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];
const folder = join(root, 'log');
const writer = await LogWriter.open({ directory: folder, origin: 'bench', key });
const file = await open(join(root, 'plain.jsonl'), 'a');
const line = Buffer.from(`${event}\n`);
const one = [event];
const appendAndSync = async () => {
  await file.write(line);
  await file.datasync();
};

const rows = {};
await perSecond(256, () => writer.append(one));
for (const callers of CALLERS) {
  const [logged, plain] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await perSecond(1, appendAndSync));
    logged.push(await perSecond(callers, () => writer.append(one)));
  }
  rows[callers] = { 'log, records/s': Math.round(median(logged)), 'append + fdatasync each': Math.round(median(plain)), ratio: Number((median(logged) / median(plain)).toFixed(1)) };
}
console.log(`${line.length} bytes an event`);
console.table(rows);
await writer.close();
await file.close();

const startFolder = join(root, 'start');
const filled = await LogWriter.open({ directory: startFolder, origin: 'bench', key });
for (let batch = 0; batch < 100; batch++) await filled.append(Array.from({ length: 1000 }, () => event));
await filled.close();
const openStart = performance.now();
const reopened = await LogWriter.open({ directory: startFolder, origin: 'bench', key });
const openMs = performance.now() - openStart;
await reopened.close();
const verifyStart = performance.now();
const { status } = await verifyAuditLog(startFolder, { publicKey: reopened.publicKey });
console.log(`100,000 records: open ${Math.round(openMs)} ms, verify ${Math.round(performance.now() - verifyStart)} ms (${status})`);
rmSync(root, { recursive: true });
