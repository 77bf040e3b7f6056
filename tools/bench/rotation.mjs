// `npm run bench -- --rotation` (under a minute; `--quick`: half of it): what it costs that keys are replaced every second. Two pairs of processes, one with rotation
// and one without, measured in turns, so that what else the machine does falls on both.
import { EndProcess } from './processes.mjs';

const SYSTEMS = { on: 'mesh-rotating', off: 'mesh' };
const WARM_UP = { calls: 15_000, durationMs: 2_000 };
const LOAD = { call: 'json', size: 64, inFlight: 64 };

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** @param {{ scratch: string, rounds: number, roundMs: number, latencyMs: number }} settings `rounds`: of each, an odd number */
export async function measureRotation({ scratch, rounds, roundMs, latencyMs }) {
  const pairs = {};
  try {
    for (const [name, system] of Object.entries(SYSTEMS)) {
      const pair = (pairs[name] = { server: new EndProcess('end.mjs', [system]), client: new EndProcess('rotation-client.mjs', [system]), perSecond: [], cpuUs: [] });
      await Promise.all([pair.server.ready(), pair.client.ready()]);
      pair.client.pin(0);
      pair.server.pin(1);
      await pair.client.ask('connect', await pair.server.ask('serve', { scratch: `${scratch}/${name}` }));
      await pair.client.ask('load', { scenario: LOAD, ...WARM_UP });
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const { server, client, perSecond, cpuUs } of Object.values(pairs)) {
        const before = await server.ask('cpuUs');
        const { calls, elapsedMs, cpuUs: ofClient } = await client.ask('load', { scenario: LOAD, durationMs: roundMs });
        perSecond.push((calls / elapsedMs) * 1000);
        cpuUs.push((ofClient + (await server.ask('cpuUs')) - before) / calls);
      }
    }
    const rekeys = await pairs.on.client.ask('rekeys');
    const loaded = await pairs.on.client.ask('latencies', { durationMs: latencyMs, inFlight: LOAD.inFlight });
    // Both ends on one core, as all latencies of single calls here.
    pairs.on.server.pin(0);
    await pairs.on.client.ask('latencies', { durationMs: 1_000, inFlight: 1 });
    const single = await pairs.on.client.ask('latencies', { durationMs: latencyMs, inFlight: 1 });
    const { on, off } = pairs;
    const ratio = median(on.perSecond.map((perSecond, round) => perSecond / off.perSecond[round]));
    const cpuUs = { on: median(on.cpuUs), off: median(off.cpuUs) };
    return { on: median(on.perSecond), off: median(off.perSecond), ratio, cpuUs, rekeys, loaded, single };
  } finally {
    for (const { server, client } of Object.values(pairs)) {
      client.end();
      server.end();
    }
  }
}

const latencies = ({ rekeys, during, apart }) =>
  `p99 within 5 ms of a rekey ${during.p99.toFixed(0)} µs (${during.calls} calls, ${rekeys} rekeys), else ${apart.p99.toFixed(0)} µs (${apart.calls} calls); p50 ${during.p50.toFixed(0)} and ${apart.p50.toFixed(0)} µs`;

export function renderRotation({ on, off, ratio, cpuUs, rekeys, loaded, single }) {
  const verdict = (met) => (met ? 'ok  ' : 'MISS');
  const spread = loaded.during.p99 / loaded.apart.p99;
  return [
    `64 B ×64, keys replaced every second: ${Math.round(on)} calls/s, never: ${Math.round(off)} calls/s (${rekeys} rekeys until then)`,
    `${verdict(ratio >= 0.97)}  ratio ${ratio.toFixed(3)}x (median of the rounds), aim >= 0.97x; CPU of both ends ${cpuUs.on.toFixed(2)} and ${cpuUs.off.toFixed(2)} µs a call: ${(cpuUs.off / cpuUs.on).toFixed(3)}x`,
    `64 B ×64: ${latencies(loaded)}`,
    `${verdict(spread <= 2)}  p99 under load ${spread.toFixed(2)}x, aim <= 2x`,
    `64 B ×1: ${latencies(single)}: with one call in flight a rekey meets about one call in a hundred there`,
  ].join('\n');
}
