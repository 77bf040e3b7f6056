// Events a second through `logEvents` in batches of 500, as a lane brings them, one batch at a time and four at a time, into the contract server of Datadog in another
// process; and what of a core the adapter's own process takes for them. With `--cpu-prof` it says where.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DatadogAdapter } from '../dist/index.js';
import { DatadogServer } from '../../../tools/contract-servers/datadog.mjs';

const BATCH = 500;
const ROUNDS = 3;
const ROUND_MS = 2_000;
const API_KEY = '5f3c0d9e8b7a61524334251607f8e9da';

if (process.argv[2] === 'server') {
  const server = await new DatadogServer({ apiKey: API_KEY, keep: 'ids' }).start();
  process.send({ url: server.url });
  process.on('message', async () => {
    await server.stop();
    process.send({ distinct: server.ids.size, sum: [...server.ids.values()].reduce((total, count) => total + count, 0) });
    process.disconnect();
  });
} else {
  let sequence = 0;
  /** As an event of a call is, traced. */
  const event = () => ({
    id: `0198c0de-7000-7000-8000-${(sequence += 1).toString(16).padStart(12, '0')}`, sequence, timestamp: new Date(), eventType: 'message', serviceId: 'order-service', targetServiceId: 'payment-service',
    details: { action: 'message.sent', success: true, duration: 1.25, metadata: { direction: 'outbound', method: 'charge' } },
    trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
  });
  const { signal } = new AbortController();
  const child = fork(fileURLToPath(import.meta.url), ['server'], { execArgv: [] });
  const [{ url }] = await once(child, 'message');
  const adapter = new DatadogAdapter({ apiKey: API_KEY, service: 'order-service', env: 'bench', tags: { team: 'payments' }, logsUrl: url, metricsUrl: url });

  const round = async (atOnce) => {
    const begin = performance.now();
    const cpu = process.cpuUsage();
    let events = 0;
    const sender = async () => {
      while (performance.now() - begin < ROUND_MS) {
        await adapter.logEvents(Array.from({ length: BATCH }, event), { signal });
        events += BATCH;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, sender));
    const ms = performance.now() - begin;
    const { user, system } = process.cpuUsage(cpu);
    return { perSecond: (events * 1_000) / ms, coreShare: (user + system) / 1_000 / ms };
  };

  await round(1);
  for (const atOnce of [1, 4]) {
    const rounds = [];
    for (let each = 0; each < ROUNDS; each++) rounds.push(await round(atOnce));
    const { perSecond, coreShare } = rounds.sort((one, other) => one.perSecond - other.perSecond)[ROUNDS >> 1];
    console.log(`${atOnce} batch${atOnce === 1 ? '' : 'es'} of ${BATCH} at a time: ${Math.round(perSecond).toLocaleString('en')} events/s, ${coreShare.toFixed(2)} of a core, ${Math.round(perSecond / coreShare).toLocaleString('en')} events per second of it`);
  }
  await adapter.close();
  child.send('end');
  const [{ distinct, sum }] = await once(child, 'message');
  console.log(`sent ${sequence.toLocaleString('en')}, the server has ${distinct.toLocaleString('en')}, ${sum - distinct} of them twice`);
}
