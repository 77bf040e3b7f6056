// One round of one system: server and client started anew, warmed up, every scenario run once.
import { cpus } from 'node:os';
import { join } from 'node:path';
import { EndProcess } from './processes.mjs';
import { LOADS } from './scenarios.mjs';

const CLIENT_CORE = 0;
const SERVER_CORE = 1;

/** With less, the compilers are still at work and grpc-js shows a third of its speed. */
const WARM_UP = { calls: 15_000, durationMs: 2500 };
const BULK_WARM_UP = { durationMs: 1000 };
const LATENCY_WARM_UP = { durationMs: 1000 };

const busyUs = () => cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) * 1000, 0);

/** CPU of everybody but the two ends, in cores: other programs make a round worthless. */
class OthersLoad {
  #busy = 0;
  #elapsedUs = 0;

  async around(ends, run) {
    const own = async () => (await Promise.all(ends.map((end) => end.ask('cpuUs')))).reduce((a, b) => a + b, 0);
    const [ownBefore, busyBefore, from] = [await own(), busyUs(), performance.now()];
    const result = await run();
    this.#elapsedUs += (performance.now() - from) * 1000;
    this.#busy += busyUs() - busyBefore - ((await own()) - ownBefore);
    return result;
  }

  get cores() {
    return Math.max(0, this.#busy / this.#elapsedUs);
  }
}

/** Runs one scenario with both ends under the profiler and says where their time went. */
async function profiled({ server, client }, folder, name, run) {
  if (folder === undefined) return run();
  await Promise.all([server.ask('startProfile'), client.ask('startProfile')]);
  const result = await run();
  for (const [role, end] of Object.entries({ client, server })) {
    const top = await end.ask('stopProfile', { file: join(folder, `${name}-${role}.cpuprofile`) });
    console.log(`\n${name}, ${role}\n${top.map(({ share, name: place }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${place}`).join('\n')}`);
  }
  return result;
}

/**
 * @param {string} system file name in systems/ without extension
 * @param {{ durationMs: number, connects: number, certificates: string, scratch: string, profiles?: string }} options `profiles`:
 *   folder for CPU profiles; figures taken with them are slower
 */
export async function measure(system, { durationMs, connects, profiles, ...serverOptions }) {
  const server = new EndProcess('end.mjs', [system]);
  const client = new EndProcess('end.mjs', [system]);
  const others = new OthersLoad();
  try {
    const [{ cannot }] = await Promise.all([server.ready(), client.ready()]);
    server.pin(SERVER_CORE);
    client.pin(CLIENT_CORE);
    const target = await server.ask('serve', serverOptions);
    await client.ask('connect', target);
    for (const size of [64, 1024]) await client.ask('load', { scenario: { call: 'json', size, inFlight: 64 }, ...WARM_UP });

    const profile = (name, run) => profiled({ server, client }, profiles, `${system}-${name}`, run);
    const result = {};
    for (const scenario of LOADS) {
      if (cannot.includes(scenario.call)) continue;
      if (scenario.call === 'bytes') await client.ask('load', { scenario, ...BULK_WARM_UP });
      result[scenario.key] = await others.around([server, client], async () => {
        const serverBefore = await server.ask('cpuUs');
        const { calls, elapsedMs, cpuUs } = await profile(scenario.key, () => client.ask('load', { scenario, durationMs }));
        const serverUs = (await server.ask('cpuUs')) - serverBefore;
        const perSecond = (calls / elapsedMs) * 1000;
        return { perSecond, mbPerSecond: (perSecond * scenario.size) / 1e6, clientUs: cpuUs / calls, serverUs: serverUs / calls };
      });
    }
    if (!cannot.includes('connect')) result.connect = await others.around([server, client], () => profile('connect', () => client.ask('connecting', { times: connects })));

    // One call in flight needs no second core, and waking one up costs more than the call itself and differs from run to run.
    server.pin(CLIENT_CORE);
    await client.ask('latency', LATENCY_WARM_UP);
    result.latency = await others.around([server, client], () => profile('latency', () => client.ask('latency', { durationMs })));

    const lost = (await server.ask('lostEvents')) + (await client.ask('lostEvents'));
    if (lost > 0) throw new Error(`${lost} audit events were dropped: the calls were faster than the sink`);
    await client.ask('disconnect');
    return { ...result, othersCores: others.cores };
  } finally {
    client.end();
    server.end();
  }
}
