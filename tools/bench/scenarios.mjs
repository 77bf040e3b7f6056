// What is measured, and the loops that measure it. Runs in the client's process.
import { performance } from 'node:perf_hooks';

/** Scenarios under load, in the order they run: the key names the column. */
export const LOADS = [
  { key: 'json64x1', call: 'json', size: 64, inFlight: 1 },
  { key: 'json1024x1', call: 'json', size: 1024, inFlight: 1 },
  { key: 'json64x64', call: 'json', size: 64, inFlight: 64 },
  { key: 'json1024x64', call: 'json', size: 1024, inFlight: 64 },
  { key: 'bytes64k', call: 'bytes', size: 64 << 10, inFlight: 8 },
  { key: 'bytes1m', call: 'bytes', size: 1 << 20, inFlight: 8 },
];

/** An order whose JSON has exactly `size` characters; the longer one is rows, as real payloads are. */
export function jsonOfSize(size) {
  const payload = size < 256 ? { id: 12345678, paid: true, sum: 99.5, note: '' } : { id: 12345678, rows: [], note: '' };
  const row = (number) => ({ sku: `book-${1000 + number}`, title: 'A title of a book', price: 10.5 + number, count: number % 7 });
  while (payload.rows !== undefined && JSON.stringify(payload).length < size - 100) payload.rows.push(row(payload.rows.length));
  payload.note = 'x'.repeat(size - JSON.stringify(payload).length);
  return payload;
}

function callOf(connection, { call, size }) {
  if (call === 'bytes') {
    const payload = Buffer.alloc(size, 0x5a);
    return async () => {
      const reply = await connection.bytes(payload);
      if (reply.length !== size || reply[size - 1] !== 0x5a) throw new Error('the echo is not what was sent');
    };
  }
  const payload = jsonOfSize(size);
  return async () => {
    const reply = await connection.json(payload);
    if (reply.id !== payload.id || reply.note.length !== payload.note.length) throw new Error('the echo is not what was sent');
  };
}

/** Keeps `inFlight` calls going until time or calls are used up. */
export async function load(connection, scenario, { durationMs, calls: limit = Infinity }) {
  const call = callOf(connection, scenario);
  const cpuBefore = process.cpuUsage();
  const from = performance.now();
  const until = from + durationMs;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < until && calls < limit) {
      await call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: scenario.inFlight }, caller));
  const elapsedMs = performance.now() - from;
  const cpu = process.cpuUsage(cpuBefore);
  return { calls, elapsedMs, cpuUs: cpu.user + cpu.system };
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** One call at a time, each timed. In µs. */
export async function latency(connection, { durationMs }) {
  const call = callOf(connection, { call: 'json', size: 64 });
  const took = [];
  const until = performance.now() + durationMs;
  for (let now = performance.now(); now < until; ) {
    await call();
    const then = now;
    now = performance.now();
    took.push((now - then) * 1000);
  }
  took.sort((a, b) => a - b);
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99), calls: took.length };
}

/** A new connection, authentication and the first answer, one after the other. Median in ms; the first two are warm-up. */
export async function connecting(connect, { times }) {
  const took = [];
  for (let done = -2; done < times; done += 1) {
    const from = performance.now();
    const connection = await connect();
    await connection.json({ id: 1, note: '' });
    if (done >= 0) took.push(performance.now() - from);
    await connection.close();
  }
  took.sort((a, b) => a - b);
  return { medianMs: quantile(took, 0.5) };
}
