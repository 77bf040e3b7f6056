// Events a second through logEvents() in batches, as a lane gives them, into the protocol-level server in a process of its own and into a real Elasticsearch on this machine; and what of the time is the client's.
// node bench/bulk.mjs [--seconds N] [--batch N]; ELASTICSEARCH_URL names a server of your own. The servers share the machine with the client. Without a real one, the first alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { elasticsearchUrl, missingElasticsearch, startElasticsearch } from '../../../tools/services/elasticsearch.mjs';
import { removeFrom } from '../../../tools/services/elasticsearch-leftovers.mjs';
import { ElasticsearchAdapter } from '../dist/index.js';
import { ecsDocument } from '../dist/ecs-document.js';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '8' }, batch: { type: 'string', default: '500' } } });
const seconds = Number(values.seconds);
const batch = Number(values.batch);
let node;
/** Of the server that is measured, where it is ours. */
let pid;
const { signal } = new AbortController();
let sequence = 0;

/** What a mesh says of a call: the most frequent event by far. */
function eventOf() {
  sequence += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  const tail = sequence.toString(16).padStart(12, '0');
  return {
    id: `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6)}${process.pid.toString(16).padStart(6, '0')}`,
    sequence, timestamp: new Date(), eventType: 'message', serviceId: 'orders', targetServiceId: 'payments',
    details: { action: 'message.sent', success: true, duration: 1.84, metadata: { direction: 'outbound', method: 'charge' } },
    trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
  };
}
const batchOf = () => Array.from({ length: batch }, eventOf);

function mapping() {
  const events = Array.from({ length: 20_000 }, eventOf);
  let bytes = 0;
  const start = performance.now();
  for (const event of events) bytes += JSON.stringify(ecsDocument(event)).length;
  const ms = performance.now() - start;
  console.log(`mapping alone: ${Math.round(events.length / (ms / 1_000)).toLocaleString('en')} events/s, ${Math.round(bytes / events.length)} bytes each`);
}

/** CPU time of the server so far, in us; on a machine that others use as well it says more than events a second. Linux only. */
function serverMicroseconds() {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ').slice(11, 13);
    return (Number(user) + Number(system)) * 10_000;
  } catch {
    return NaN;
  }
}

async function run(name, options, lanes = 1) {
  const index = `${options.dataStream ? 'logs-mesh.bench' : 'mesh-bench'}-${process.pid}.${Date.now()}`;
  const adapter = new ElasticsearchAdapter({ node, index, ...options });
  const lane = async (ms) => {
    let count = 0;
    for (const end = performance.now() + ms; performance.now() < end; count += batch) await adapter.logEvents(batchOf(), { signal });
    return count;
  };
  const all = async (ms) => (await Promise.all(Array.from({ length: lanes }, () => lane(ms)))).reduce((sum, count) => sum + count, 0);
  await all(1_000);
  const server = serverMicroseconds();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const count = await all(seconds * 1_000);
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  console.log(`${name}: ${Math.round(count / (ms / 1_000)).toLocaleString('en')} events/s; of one core the client has ${Math.round((user + system) / 10 / ms)} %, ${((user + system) / count).toFixed(1)} us an event; the server ${((serverMicroseconds() - server) / count).toFixed(1)} us`);
  await adapter.close();
  // The server may be the user's own.
  await removeFrom(node, [index]);
}

async function intoContract() {
  const url = new URL('../../../tools/contract-servers/elasticsearch.mjs', import.meta.url).href;
  const script = `import(${JSON.stringify(url)}).then(async ({ startElasticsearchContract }) => process.send((await startElasticsearchContract()).url))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    [node] = await once(child, 'message');
    ({ pid } = child);
    await run('protocol-level server, plain', { compression: false });
    await run('protocol-level server, gzip', {});
  } finally {
    child.kill('SIGKILL');
  }
}

async function intoElasticsearch() {
  const started = elasticsearchUrl() === undefined ? await startElasticsearch({ heapMb: 1024, onDisk: true }) : undefined;
  node = elasticsearchUrl() ?? started.url;
  pid = started?.pid;
  try {
    // The server compiles itself while it works: its first 100,000 events take several times as long as later ones.
    for (let times = 0, until = sequence + 120_000; times < 5 && sequence < until; times++) await run('warming up', { compression: false }, 2);
    await run('plain', { compression: false });
    await run('gzip', {});
    await run('plain, data stream', { compression: false, dataStream: true });
    await run('plain, two batches at a time', { compression: false }, 2);
  } finally {
    await started?.stop();
  }
}

mapping();
mapping();
await intoContract();
const missing = missingElasticsearch();
if (missing === undefined) await intoElasticsearch();
else console.log(`no real server: ${missing}`);
