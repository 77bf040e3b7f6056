// The client's end of rotation.mjs in a process of its own: `node rotation-client.mjs <system>`.
import { load } from './scenarios.mjs';
import { answerTasks } from './tasks.mjs';

const system = await import(new URL(`systems/${process.argv[2]}.mjs`, import.meta.url));
let connection;

/** Calls that end this long before or after a rekey count as during it, in ms. */
const WINDOW_MS = 5;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** The time of a call in µs, during rekeys and apart from them. */
async function latencies({ durationMs, inFlight }) {
  const payload = { id: 12345678, note: 'x'.repeat(32) };
  const calls = [];
  const rekeyedAt = [];
  let rekeys = system.rekeys();
  let lookAt = 0;
  const until = performance.now() + durationMs;
  const caller = async () => {
    for (let now = performance.now(); now < until; ) {
      const then = now;
      await connection.json(payload);
      now = performance.now();
      calls.push([now, (now - then) * 1000]);
      // Looking costs time: not within a measured call, and once in a millisecond.
      if (now < lookAt) continue;
      lookAt = now + 1;
      const count = system.rekeys();
      if (count !== rekeys) rekeyedAt.push(now);
      rekeys = count;
      now = performance.now();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const sorted = { during: [], apart: [] };
  let next = 0;
  for (const [at, took] of calls) {
    while (next < rekeyedAt.length && rekeyedAt[next] + WINDOW_MS < at) next += 1;
    sorted[next < rekeyedAt.length && Math.abs(rekeyedAt[next] - at) <= WINDOW_MS ? 'during' : 'apart'].push(took);
  }
  const figures = (list) => ({ calls: list.length, p50: quantile(list.sort((a, b) => a - b), 0.5), p99: quantile(list, 0.99), most: list.at(-1) });
  return { rekeys: rekeyedAt.length, during: figures(sorted.during), apart: figures(sorted.apart) };
}

answerTasks({
  connect: async (target) => void (connection = await system.connect(target)),
  load: ({ scenario, ...limits }) => load(connection, scenario, limits),
  latencies,
  rekeys: () => system.rekeys(),
});
