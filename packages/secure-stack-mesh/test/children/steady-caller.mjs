// Calls a service all the time, and tells what each call came to. OPTIONS: of its mesh; LOAD: { callers, pauseMs, timeoutMs: [least, most] }; CONNECT_MS: of a dial.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { WebSocketTransport } from '@lemur-bookstores/mesh-core';
import { SecureMesh } from '@lemur-bookstores/secure-stack-mesh';

const { callers, pauseMs, timeoutMs } = JSON.parse(process.env.LOAD);
const options = JSON.parse(process.env.OPTIONS);
const instances = options.discovery.services.length;
let audited = 0;
const adapter = {
  logEvent: async ({ details }) => {
    if (details.action === 'message.sent' || details.action === 'message.failed') audited++;
  },
};
const mesh = new SecureMesh({ serviceId: 'orders', port: 0, transport: new WebSocketTransport({ connectMs: Number(process.env.CONNECT_MS) }), monitoring: { adapters: [adapter] }, ...options });
const client = mesh.connect('payments');
await mesh.initialize();

const PADDING = 'x'.repeat(6_000);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();

let key = 0;
let made = 0;
let loaded = false;
let ended = [];
let answeredBy = new Set();

async function call() {
  const own = ++key;
  const idempotent = own % 2 === 0;
  const [least, most] = timeoutMs;
  const timeout = Math.round(least + Math.random() * (most - least));
  const padding = PADDING.slice(0, own % 7 === 0 ? PADDING.length : own % 100);
  const startedAt = performance.now();
  made++;
  const outcome = { key: own, idempotent, startedAt };
  try {
    const { key: answered, by } = await client.call('run', { key: own, padding }, { idempotent, timeoutMs: timeout });
    if (answered !== own) throw new Error(`an answer to ${answered}`);
    answeredBy.add(by);
    outcome.ok = true;
  } catch (error) {
    const { code, reason, mayHaveRun, message } = MeshError.from(error);
    Object.assign(outcome, { ok: false, code, reason, mayHaveRun, message });
  }
  const tookMs = performance.now() - startedAt;
  ended.push({ ...outcome, tookMs, lateMs: tookMs - timeout });
}

async function caller() {
  while (loaded) {
    await call();
    await pause(pauseMs);
  }
}

let running = [];
/** After how long, in ms; -1: not within 20 s. */
const until = async (holds) => {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > 30_000) return -1;
    await pause(5);
  }
  return performance.now() - began;
};
const attempts = () => {
  const { connectionsSuccessful, connectionsFailed } = mesh.getStats().metrics;
  return connectionsSuccessful + connectionsFailed;
};
const now = () => ({ now: performance.now(), attempts: attempts() });

const answers = {
  connected: () => until(() => mesh.getStats().sessions.activeSessions === instances),
  start: () => {
    loaded = true;
    running = Array.from({ length: callers }, caller);
    return true;
  },
  stop: async () => {
    loaded = false;
    await Promise.all(running);
    return { made };
  },
  now,
  healed: async () => {
    const healedAt = performance.now();
    const reconnectedMs = await until(() => mesh.getStats().sessions.activeSessions === instances);
    const figures = now();
    answeredBy = new Set();
    return { ...figures, healedAt, reconnectedMs };
  },
  served: () => until(() => answeredBy.size > 0),
  // Whether each instance gets calls, and how long that took.
  shared: () => until(() => answeredBy.size === instances),
  ended: () => {
    const longest = lag.max / 1e6;
    lag.reset();
    const all = ended;
    ended = [];
    return { calls: all, lagMs: longest };
  },
  // Its outcomes are in the trail then.
  close: () => mesh.cleanup().then(() => audited),
};
process.on('message', async (question) => process.send(await answers[question]()));
process.send(true);
