// `npm run bench -- --resilience` (half a minute; `--quick`: less): what breaker, retries, limits and inherited deadlines cost a call that needs none of them.
// A pair of processes for each choice, measured in turns, so that what else the machine does falls on all.
import { join } from 'node:path';
import { EndProcess } from './processes.mjs';

const CHOICES = ['none', 'defaults', 'all', 'inherited', 'not inherited'];
const WARM_UP = { calls: 50_000, durationMs: 2_000 };
/** Caches and the processor's clock belong to this pair when it is measured. */
const LEAD_IN = { calls: 600, durationMs: 500 };
const LOAD = { call: 'json', size: 64, inFlight: 64 };

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor(values.length * q)];

async function startPair(choice, scratch) {
  const env = { MESH_RESILIENCE: choice };
  const pair = { server: new EndProcess('end.mjs', ['mesh-resilience'], env), client: new EndProcess('end.mjs', ['mesh-resilience'], env), perSecond: [], cpuUs: [] };
  await Promise.all([pair.server.ready(), pair.client.ready()]);
  pair.client.pin(0);
  pair.server.pin(1);
  await pair.client.ask('connect', await pair.server.ask('serve', { scratch: join(scratch, choice.replace(' ', '-')) }));
  return pair;
}

/** @param {{ scratch: string, rounds: number, calls: number, profiles?: string }} settings `rounds`: of each; `calls`: of a round; `profiles`: folder for CPU profiles */
export async function measureResilience({ scratch, rounds, calls: callsOfRound, profiles }) {
  const pairs = {};
  try {
    for (const choice of CHOICES) {
      pairs[choice] = await startPair(choice, scratch);
      await pairs[choice].client.ask('load', { scenario: LOAD, ...WARM_UP });
    }
    for (let round = 0; round < rounds; round += 1) {
      // Many short rounds, each the first in turn: some of each fall into quiet moments of the machine.
      const first = round % CHOICES.length;
      for (const choice of [...CHOICES.slice(first), ...CHOICES.slice(0, first)]) {
        const { server, client, perSecond, cpuUs } = pairs[choice];
        await client.ask('load', { scenario: LOAD, ...LEAD_IN });
        const before = await server.ask('cpuUs');
        const { calls, elapsedMs, cpuUs: ofClient } = await client.ask('load', { scenario: LOAD, calls: callsOfRound, durationMs: 1_000 });
        perSecond.push((calls / elapsedMs) * 1000);
        cpuUs.push((ofClient + (await server.ask('cpuUs')) - before) / calls);
      }
    }
    if (profiles !== undefined) for (const choice of ['none', 'all']) await profile(choice, pairs[choice], profiles);
    return pairs;
  } finally {
    for (const { server, client } of Object.values(pairs)) {
      client.end();
      server.end();
    }
  }
}

async function profile(choice, ends, folder) {
  const { client, server } = ends;
  await Promise.all([server.ask('startProfile'), client.ask('startProfile')]);
  await client.ask('load', { scenario: LOAD, durationMs: 1_500 });
  for (const [role, end] of Object.entries({ client, server })) {
    const top = await end.ask('stopProfile', { file: join(folder, `resilience-${choice}-${role}.cpuprofile`) });
    console.log(`\n${choice}, ${role}\n${top.map(({ share, name }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`).join('\n')}`);
  }
}

export function renderResilience(pairs) {
  const figures = ({ perSecond, cpuUs }) => ({ perSecond: quantile(perSecond, 0.75), cpuUs: quantile(cpuUs, 0.25), medianUs: quantile(cpuUs, 0.5) });
  const text = (choice, against) => {
    const [own, other] = [figures(pairs[choice]), against === undefined ? undefined : figures(pairs[against])];
    const ratios = other === undefined ? '' : `; against ${against}: ${(own.perSecond / other.perSecond).toFixed(3)}x calls/s, ${(other.cpuUs / own.cpuUs).toFixed(3)}x by CPU (median ${(other.medianUs / own.medianUs).toFixed(3)}x)`;
    return `${choice.padEnd(14)} ${Math.round(own.perSecond)} calls/s, ${own.cpuUs.toFixed(2)} µs CPU a call${ratios}`;
  };
  return [
    '64 B ×64, no audit adapter, both ends; the quieter quarter of the rounds. Aim: all against none >= 0.85x',
    text('none'),
    text('defaults', 'none'),
    text('all', 'none'),
    text('inherited', 'not inherited'),
  ].join('\n');
}
