// What a scrape costs with 50 peers and 50 methods, and what counting costs a call, against prom-client's own histogram and counter. Prints; asserts nothing.
// Usage: npm run build && node packages/adapter-prometheus/bench/scrape.mjs
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { systemClock } from '@lemur-bookstores/mesh-interface';
import { Counter, Histogram, Registry } from 'prom-client';
import { CallStatistics } from '../../mesh-core/dist/call/call-statistics.js';
import { PrometheusAdapter } from '../dist/index.js';

const statistics = new CallStatistics(systemClock);
const series = [];
for (let peer = 0; peer < 50; peer++) for (let method = 0; method < 50; method++) series.push(statistics.series('inbound', `service-${peer}`, `method${method}`));
for (const each of series) {
  statistics.started(each);
  statistics.ended(each, Math.random() * 100, undefined, performance.now());
}
const register = new Registry();
const adapter = new PrometheusAdapter({ register });
const audit = { emitted: 0, adapters: [] };
const metrics = () => ({
  timestamp: Date.now(), serviceId: 'bench', calls: statistics.snapshot(), sessions: { inbound: 50, outbound: 0 }, bytes: { sent: 1, received: 1 }, handshakes: { ok: 50 },
  rekeys: 0, rekeysByTrigger: {}, rekeysFailed: 0, keys: { oldestSessionKeyMs: 0 }, authorizationDenied: 0, retries: 0, rateLimited: 0, overloaded: 0, breakers: [],
  stats: { service: 'bench', sessions: { activeSessions: 50 }, connectedServices: [], metrics: { circuitBreakerState: 'closed' }, audit },
});
await adapter.start({ metrics });

const times = [];
let text = '';
for (let i = 0; i < 20; i++) await register.metrics();
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
for (let i = 0; i < 50; i++) {
  const from = performance.now();
  text = await register.metrics();
  times.push(performance.now() - from);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
delay.disable();
times.sort((a, b) => a - b);
console.log(`scrape of 50 peers x 50 methods: ${text.split('\n').length} lines, ${(text.length / 1024).toFixed(0)} KiB; p50 ${times[25].toFixed(1)} ms, max ${times[49].toFixed(1)} ms`);
console.log(`event loop meanwhile: p50 ${(delay.percentile(50) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms (timers of 1 ms)`);

function perCall(what, work) {
  const calls = 300_000;
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const from = performance.now();
    for (let i = 0; i < calls; i++) work(i);
    best = Math.min(best, (performance.now() - from) / calls);
  }
  console.log(`${what}: ${(best * 1000).toFixed(3)} µs a call`);
}
const now = performance.now();
perCall('mesh-core, inbound: started and ended', (i) => {
  const each = series[i % 50];
  statistics.started(each);
  statistics.ended(each, 1.5, undefined, now);
});
const outbound = series.slice(0, 50).map(({ method }) => statistics.series('outbound', 'service-0', method));
perCall('mesh-core, outbound: started and ended', (i) => {
  const each = outbound[i % 50];
  statistics.started(each);
  statistics.ended(each, 1.5, undefined, now);
});
const registers = [new Registry()];
const labelNames = ['service', 'peer', 'rpc_method'];
const buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const [histogram, begun, ended] = [new Histogram({ name: 'h', help: 'h', labelNames, buckets, registers }), new Counter({ name: 'b', help: 'b', labelNames, registers }), new Counter({ name: 'e', help: 'e', labelNames: [...labelNames, 'code'], registers })];
perCall('prom-client: two counters and a histogram', (i) => {
  const labels = { service: 'bench', peer: 'service-0', rpc_method: `method${i % 50}` };
  begun.inc(labels);
  histogram.observe(labels, 0.0015);
  ended.inc({ ...labels, code: 'OK' });
});
await adapter.close();
