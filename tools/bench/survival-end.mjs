// One process of survival.mjs: `node survival-end.mjs`. Serves calls that cost time, or makes them, as it is asked.
import { join } from 'node:path';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { answerTasks } from './tasks.mjs';

let mesh;
let client;
let costMs = 1;

async function start({ scratch, serviceId, ...options }) {
  const paths = { keysDir: join(scratch, 'keys'), logsDir: join(scratch, 'logs'), runtimeDir: join(scratch, 'run') };
  mesh = new SecureMesh({ serviceId, port: 0, paths, monitoring: { enabled: false }, ...options });
  return mesh;
}

/** Ends when all calls have; each is `[startedAt, tookMs, answer or error reason]`, times since the beginning. */
async function offer({ durationMs, perSecond, callers, timeoutMs = 5_000 }) {
  const calls = [];
  const from = performance.now();
  const one = async () => {
    const at = performance.now();
    const outcome = await client.call('work', {}, { retry: false, timeoutMs }).catch(({ code }) => code);
    calls.push([at - from, performance.now() - at, outcome]);
  };
  if (callers !== undefined) {
    const caller = async () => {
      while (performance.now() - from < durationMs) await one();
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return calls;
  }
  // Open loop: whoever comes does not wait for those before.
  const all = [];
  for (let made = 0; performance.now() - from < durationMs; ) {
    for (; made < ((performance.now() - from) / 1000) * perSecond; made += 1) all.push(one());
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(all);
  return calls;
}

answerTasks({
  /** @param busy whether a call costs CPU, or only time */
  serve: async ({ cost, busy, ...options }) => {
    costMs = cost;
    await start(options);
    mesh.handle('work', async () => {
      if (busy) for (const until = performance.now() + costMs; performance.now() < until; );
      else await new Promise((resolve) => setTimeout(resolve, costMs));
      return process.pid;
    });
    await mesh.initialize();
    return process.pid;
  },
  connect: async (options) => {
    await start(options);
    await mesh.initialize();
    client = mesh.connect('work');
    await client.call('work', {});
  },
  slowDown: (cost) => void (costMs = cost),
  offer,
  memory: () => {
    for (let i = 0; i < 3; i += 1) globalThis.gc();
    return process.memoryUsage().rss;
  },
});
