// Durable acknowledged events a second with 1, 16, 256 and 4096 callers, each of whom waits for its acknowledgement before the next event; beside it, in
// the same rounds on the same disk, append + fdatasync for each event. Then how long a log of 100,000 events takes to open. Against the loggers of
// others: `npm run bench -- --audit-sinks`.
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FileAdapter } from '../dist/index.js';

const CALLERS = [1, 16, 256, 4096];
const ROUNDS = 3;
const ROUND_MS = 700;
// Not in the temporary directory: that may be memory, where a sync costs nothing.
const root = mkdtempSync(join(process.env.BENCH_DIR ?? process.cwd(), '.bench-'));

let sequence = 0;
/** About 300 bytes as JSON, as an event of a call is. */
const event = () => ({
  id: '0198c0de-7000-7000-8000-000000000000', sequence: (sequence += 1), timestamp: new Date(), eventType: 'message', serviceId: 'order-service',
  targetServiceId: 'payment-service', details: { action: 'message.sent', success: true, duration: 1.25, metadata: { direction: 'outbound', method: 'charge' } },
});

async function perSecond(callers, log) {
  const start = performance.now();
  let events = 0;
  const caller = async () => {
    while (performance.now() - start < ROUND_MS) {
      await log(event());
      events += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (events * 1000) / (performance.now() - start);
}

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];
const adapter = new FileAdapter(join(root, 'logs'), { signWith: join(root, 'keys') });
const file = await open(join(root, 'plain.jsonl'), 'a');
const appendAndSync = async (each) => {
  await file.write(`${JSON.stringify(each)}\n`);
  await file.datasync();
};

const rows = {};
await perSecond(256, (each) => adapter.logEvent(each));
for (const callers of CALLERS) {
  const [logged, plain] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await perSecond(1, appendAndSync));
    logged.push(await perSecond(callers, (each) => adapter.logEvent(each)));
  }
  rows[callers] = { 'FileAdapter, events/s': Math.round(median(logged)), 'append + fdatasync each': Math.round(median(plain)), ratio: Number((median(logged) / median(plain)).toFixed(1)) };
}
console.log(`${JSON.stringify(event()).length} bytes an event`);
console.table(rows);
await file.close();
await adapter.close();

const [directory, keys] = [join(root, 'start'), { signWith: join(root, 'keys') }];
const filled = new FileAdapter(directory, keys);
for (let batch = 0; batch < 100; batch++) await filled.logEvents(Array.from({ length: 1000 }, event));
await filled.close();
const from = performance.now();
const reopened = new FileAdapter(directory, keys);
await reopened.logEvent(event());
console.log(`a log of 100,000 events: the first event of the next process is durable after ${Math.round(performance.now() - from)} ms`);
await reopened.close();
rmSync(root, { recursive: true });
