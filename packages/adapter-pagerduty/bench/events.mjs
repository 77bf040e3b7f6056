// 100,000 events of all kinds through logEvents(), in a lane's batches of 500, against the contract server: once where all is well, once over one that fails three times of ten. Prints; asserts nothing.
// Usage: npm run build && node packages/adapter-pagerduty/bench/events.mjs
import { performance } from 'node:perf_hooks';
import { CONTRACT_KEY, PagerDutyServer } from '../../../tools/contract-servers/pagerduty.mjs';
import { AlertingAdapter } from '../dist/index.js';

const EVENTS = 100_000;
const BATCH = 500;
const KINDS = [
  ['error', 'session.failed', false, { reason: 'record_invalid' }],
  ['circuit_breaker', 'breaker.opened', false, { endpoint: '10.1.7.9:50051' }],
  ['rate_limit', 'rate.limited', false, { method: '*' }],
  ['key_rotation', 'key.rotation_failed', false, { keyType: 'session' }],
  ['key_rotation', 'key.rotated', true, { keyType: 'session' }],
  ['system', 'health.impaired', false, { check: '*', status: 'degraded' }],
  ['system', 'health.recovered', true, { check: '*', status: 'healthy' }],
  ['circuit_breaker', 'breaker.closed', true, { endpoint: '10.1.7.9:50051' }],
  ['message', 'message.sent', true, { method: 'charge' }],
  ['connection', 'connection.open', true, { address: '10.1.7.9:50051' }],
];

function eventOf(index) {
  const [eventType, action, success, metadata] = KINDS[index % KINDS.length];
  const id = `0194aaaa-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;
  const details = { action, success, ...(success ? {} : { error: 'connect_failed: cannot reach it' }), metadata };
  return { id, sequence: index + 1, timestamp: new Date(), eventType, serviceId: 'orders', targetServiceId: `service-${index % 500}`, details };
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function run(name, rate) {
  const server = await new PagerDutyServer({ faults: { rate } }).start();
  const adapter = new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: server.url, logger: silent });
  const { signal } = new AbortController();
  const events = Array.from({ length: EVENTS }, (_, index) => eventOf(index));
  const from = performance.now();
  let slowest = 0;
  let refused = 0;
  for (let at = 0; at < EVENTS; at += BATCH) {
    const batchFrom = performance.now();
    await adapter.logEvents(events.slice(at, at + BATCH), { signal }).catch(() => refused++);
    slowest = Math.max(slowest, performance.now() - batchFrom);
  }
  const ms = performance.now() - from;
  const { counts } = server.events;
  console.log(`${name}: ${EVENTS.toLocaleString('en')} events in ${ms.toFixed(0)} ms (${Math.round(EVENTS / (ms / 1_000)).toLocaleString('en')}/s), slowest batch ${slowest.toFixed(0)} ms, ${refused} batches to be given again;`);
  console.log(`  ${server.requests} calls: ${counts.triggers} triggers, ${counts.resolves} resolves, ${counts.throttled} throttled`);
  await server.stop();
  await adapter.close();
}

await run('all well', 0);
await run('failing 30 %', 0.3);
