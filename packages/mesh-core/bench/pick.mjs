// What one choice of an instance costs, and how much of it is garbage: node --expose-gc packages/mesh-core/bench/pick.mjs [seconds a case, default 0.5]
import { performance } from 'node:perf_hooks';
import { Balancer } from '../dist/endpoint/balancer.js';
import { EndpointLoad } from '../dist/endpoint/endpoint-load.js';
import { completeLoadBalancing } from '../dist/endpoint/load-balancing.js';

const seconds = Number(process.argv[2] ?? 0.5);
const BATCH = 10_000;

function fleet(size, since) {
  return Array.from({ length: size }, (_, index) => {
    const load = new EndpointLoad();
    load.connected(index === 0 ? -60_000 : since);
    load.ended(1 + index / 10, 0, undefined);
    return { load, node: { id: 's', host: 'h', port: index }, session: { outstanding: index % 3, silentMs: () => 0 } };
  });
}

function measure(name, operation) {
  for (let i = 0; i < 60; i++) operation(i);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const startedAt = performance.now();
  let batches = 0;
  let took = 0;
  let bytes;
  while (took < seconds * 1_000) {
    operation(batches++);
    // Before a scavenge runs: after it, nothing of it is seen.
    if (batches === 5) bytes = process.memoryUsage().heapUsed - before;
    took = performance.now() - startedAt;
  }
  console.log(`${name.padEnd(44)} ${((took * 1e6) / (batches * BATCH)).toFixed(1).padStart(7)} ns   ${(bytes / (5 * BATCH)).toFixed(1).padStart(6)} B`);
}

console.log(`${'one choice'.padEnd(44)} ${'time'.padStart(10)}   ${'garbage'.padStart(8)}`);
for (const strategy of ['least-loaded', 'round-robin', 'random']) {
  for (const size of [1, 3, 256]) {
    const balancer = new Balancer(completeLoadBalancing({ strategy }), () => {});
    balancer.replace(fleet(size, -60_000), 0);
    measure(`${strategy}, ${size} instances`, (batch) => {
      for (let i = 0; i < BATCH; i++) balancer.pick(batch);
    });
  }
}
const starting = new Balancer(completeLoadBalancing({ slowStartMs: 86_400_000 }), () => {});
starting.replace(fleet(3, 0), 0);
measure('least-loaded, 3 instances, 2 of them new', () => {
  for (let i = 0; i < BATCH; i++) starting.pick(1);
});

console.log('\none outcome');
const balancer = new Balancer(completeLoadBalancing(), () => {});
const members = fleet(3, -60_000);
balancer.replace(members, 0);
measure('a result, 3 instances', (batch) => {
  for (let i = 0; i < BATCH; i++) members[i % 3].load.ended(0.5, batch, undefined);
});
