// What one record() costs its caller, with adapters that take everything at once: `node bench/record.mjs [seconds]`, after a build.
// The recording loop yields as often as a busy service does, so delivery runs in between and is shown apart from record() itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLogger } from '../dist/index.js';

const ROUNDS = 5;
const PER_TURN = 64;
const seconds = Number(process.argv[2] ?? 1);

const nullAdapter = () => ({ logEvent: async () => {} });
const batchAdapter = () => ({ logEvent: async () => {}, logEvents: async () => {} });

const message = { eventType: 'message', targetServiceId: 'payment-service', details: { action: 'message.sent', success: true, duration: 1.25 } };
const withMetadata = {
  eventType: 'message',
  targetServiceId: 'payment-service',
  details: { action: 'message.sent', success: true, duration: 1.25, metadata: { method: 'charge', bytes: 512, session: 'c0ffee', attempt: 1 } },
  trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
};

const durableAdapter = () => ({ durable: true, logEvent: async () => {}, logEvents: async () => {} });
// Configured, and idle: the adapter takes everything.
const folder = mkdtempSync(join(tmpdir(), 'mesh-audit-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const spill = { directory: folder };

const cases = {
  'disabled': [[], message],
  'null adapter (logEvent)': [[nullAdapter()], message],
  'null adapter (logEvents), spill idle': [[batchAdapter()], message, { spill }],
  'null adapter (logEvents), spill idle, metadata + trace': [[batchAdapter()], withMetadata, { spill }],
  'level minimal, metadata + trace': [[batchAdapter()], withMetadata, { level: 'minimal' }],
  'level security (messages kept back)': [[batchAdapter()], withMetadata, { level: 'security' }],
  'fail-closed contract, recorded': [[durableAdapter()], message, { delivery: { message: 'fail-closed' } }],
  'null adapter (logEvent), metadata + trace': [[nullAdapter()], withMetadata],
  'null adapter (logEvents)': [[batchAdapter()], message],
  'three null adapters': [[nullAdapter(), batchAdapter(), batchAdapter()], message],
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function run(adapters, event, options = {}) {
  const logger = new AuditLogger({ adapters, serviceId: 'bench', ...options });
  if (options.spill !== undefined) await logger.start();
  let recorded = 0;
  let inRecord = 0n;
  const start = process.hrtime.bigint();
  const end = start + BigInt(Math.round((seconds / ROUNDS) * 1e9));
  let now = start;
  while (now < end) {
    const before = process.hrtime.bigint();
    for (let index = 0; index < PER_TURN; index++) logger.record(event);
    inRecord += process.hrtime.bigint() - before;
    recorded += PER_TURN;
    await turn();
    now = process.hrtime.bigint();
  }
  await logger.close();
  const all = Number(process.hrtime.bigint() - start);
  const [lane] = logger.stats().adapters;
  if (lane !== undefined && lane.delivered + lane.filtered < recorded) throw new Error(`only ${lane.delivered + lane.filtered} of ${recorded} delivered`);
  return { record: Number(inRecord) / recorded, total: all / recorded };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const rows = {};
for (const one of Object.values(cases)) await run(...one);
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, one] of Object.entries(cases)) (rows[name] ??= []).push(await run(...one));
}
console.table(
  Object.fromEntries(
    Object.entries(rows).map(([name, results]) => [
      name,
      { 'record() µs': +(median(results.map((r) => r.record)) / 1e3).toFixed(2), 'with delivery µs': +(median(results.map((r) => r.total)) / 1e3).toFixed(2) },
    ]),
  ),
);
