// Connects and disconnects over and over, its peer in the same process or in another, and says how much its heap grew and what is left in the end.
import { setFlagsFromString } from 'node:v8';

// What the compilers know of the code grows for tens of thousands of calls, by far more than what is looked for: here there is none, and the heap stands still to the byte.
for (const flag of ['--no-opt', '--no-sparkplug', '--no-lazy-feedback-allocation', '--no-flush-bytecode']) setFlagsFromString(flag);
const { SecureMesh } = await import('@lemur-bookstores/secure-stack-mesh');

const { CYCLES, SAMPLES, PEER_PORT } = process.env;
const meshes = [];
async function meshOf(serviceId, services = []) {
  const mesh = new SecureMesh({ serviceId, port: 0, monitoring: { enabled: false }, discovery: { services } });
  await mesh.initialize();
  meshes.push(mesh);
  return mesh;
}

const heap = () => {
  for (let i = 0; i < 3; i += 1) globalThis.gc();
  return process.memoryUsage().heapUsed;
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

if (CYCLES === undefined) {
  // The end that accepts.
  const payments = await meshOf('payments');
  payments.handle('pay', (input) => input);
  process.on('message', async (question) => {
    if (question === 'heap') return process.send(heap());
    await payments.cleanup();
    process.disconnect();
  });
  process.send(payments.port);
} else {
  const orders = await meshOf('orders', [{ id: 'payments', host: '127.0.0.1', port: Number(PEER_PORT) }]);
  const perSample = CYCLES / SAMPLES;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    for (let cycle = 0; cycle < perSample; cycle += 1) {
      const key = sample * perSample + cycle;
      const { answer } = await orders.connect('payments').call('pay', { answer: key });
      if (answer !== key) throw new Error(`${answer} instead of ${key}`);
      await orders.disconnect('payments');
    }
    await turn();
    process.send(heap());
    // Whoever asked looks at the other end meanwhile.
    await new Promise((resolve) => process.once('message', resolve));
  }
  await orders.cleanup();
  process.disconnect();
}
const active = () => process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|Immediate)$/.test(name));
process.once('disconnect', async () => {
  for (const until = Date.now() + 1_000; active().length > 0 && Date.now() < until; ) await turn();
  console.log(JSON.stringify(active()));
});
