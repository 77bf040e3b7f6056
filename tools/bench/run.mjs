// `npm run bench [-- --quick] [-- --profile] [-- --only tcp:tls,mesh:null] [-- --audit-sinks] [-- --rotation] [-- --resilience]`: this mesh against what else a Node.js team would use.
// Asserts nothing: prints tables, and writes every round to results/. How to read the figures: README.md beside this file.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareAuditSinks } from './audit-sinks/compare-audit-sinks.mjs';
import { compareRemoteSinks } from './remote-sinks/compare-remote-sinks.mjs';
import { makeCertificates } from './certificates.mjs';
import { measureIdleSessions } from './idle-sessions.mjs';
import { measure } from './measure.mjs';
import { canPin } from './processes.mjs';
import { measureRotation, renderRotation } from './rotation.mjs';
import { measureResilience, renderResilience } from './resilience.mjs';
import { SURVIVAL } from './survival.mjs';
import { compareWithTargets, renderTables, renderTargets, summarize } from './report.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** In the order they run; the file in systems/ is the name with a dash for the colon. */
const SYSTEMS = ['tcp:tls', 'ws', 'ws:tls', 'grpc:tls', 'moleculer', 'mesh', 'mesh:null', 'mesh:file', 'mesh:files', 'mesh:hang', 'mesh:throw', 'mesh:slow'];
const FULL = { rounds: 3, durationMs: 500, connects: 30, repeats: 2 };
const PROFILE = { rounds: 1, durationMs: 2000, connects: 200, repeats: 0 };
const QUICK = { rounds: 1, durationMs: 250, connects: 15, repeats: 0 };
/** More than this used by other programs, in cores, and a round is run again. */
const QUIET_CORES = 0.15;

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false }, only: { type: 'string' }, 'audit-sinks': { type: 'boolean', default: false }, 'remote-sinks': { type: 'boolean', default: false }, rotation: { type: 'boolean', default: false }, resilience: { type: 'boolean', default: false } } });
const chosen = values.only?.split(',') ?? SYSTEMS;
const unknown = chosen.filter((name) => !SYSTEMS.includes(name) && !Object.hasOwn(SURVIVAL, name));
if (unknown.length > 0) {
  console.error(`unknown system ${unknown.join(', ')}; known: ${[...SYSTEMS, ...Object.keys(SURVIVAL)].join(', ')}`);
  process.exit(2);
}

if (chosen.some((name) => Object.hasOwn(SURVIVAL, name))) {
  const scratch = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}`);
  for (const name of chosen) console.log(`\n${name}\n${(await SURVIVAL[name]?.(scratch)) ?? 'not measured together with these'}`);
  process.exit(0);
}

if (values.rotation) {
  const scratch = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const settings = values.quick ? { rounds: 5, roundMs: 1_100, latencyMs: 8_000 } : { rounds: 9, roundMs: 1_500, latencyMs: 15_000 };
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; medians of ${settings.rounds} rounds of ${settings.roundMs} ms\n`);
  console.log(renderRotation(await measureRotation({ scratch, ...settings })));
  process.exit(0);
}

if (values.resilience) {
  const scratch = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const settings = { rounds: values.quick ? 15 : 40, calls: 2_500, ...(values.profile ? { profiles: join(here, 'results') } : {}) };
  if (values.profile) mkdirSync(settings.profiles, { recursive: true });
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; ${settings.rounds} rounds of ${settings.calls} calls\n`);
  console.log(renderResilience(await measureResilience({ scratch, ...settings })));
  process.exit(0);
}

if (values['remote-sinks']) {
  const settings = { rounds: values.quick ? 1 : 3, events: values.quick ? 10_000 : 20_000 };
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; medians of ${settings.rounds} round(s) of ${settings.events} events\n`);
  console.log(await compareRemoteSinks(settings));
  process.exit(0);
}

if (!existsSync(join(here, 'node_modules'))) {
  console.log('Installing what the mesh is compared with (npm ci in tools/bench) …');
  const { status } = spawnSync('npm', ['ci', '--prefix', here, '--no-audit', '--no-fund', '--loglevel=error'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (values['audit-sinks']) {
  const sinkSettings = { rounds: values.quick ? 1 : 3, durationMs: 500 };
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; medians of ${sinkSettings.rounds} round(s) of ${sinkSettings.durationMs} ms\n`);
  console.log(await compareAuditSinks(sinkSettings));
  process.exit(0);
}

/** A round on a busy machine is run again, and the quietest of the attempts counts. */
async function measureQuietly(system, options, repeats) {
  let best;
  for (let attempt = 0; attempt <= repeats; attempt += 1) {
    const result = await measure(system.replace(':', '-'), options);
    if (best === undefined || result.othersCores < best.othersCores) best = result;
    if (best.othersCores <= QUIET_CORES) break;
  }
  return best;
}

async function compare(names, { rounds, repeats, ...options }) {
  const results = new Map(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      process.stderr.write(`round ${round} of ${rounds}: ${name}\n`);
      try {
        results.get(name).push(await measureQuietly(name, options, repeats));
      } catch (error) {
        process.stderr.write(`  ${name} failed: ${error.message}\n`);
      }
    }
  }
  return results;
}

const scratch = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
makeCertificates(scratch);

const output = join(here, 'results');
mkdirSync(output, { recursive: true });
const settings = values.profile ? { ...PROFILE, profiles: output } : values.quick ? QUICK : FULL;
const results = await compare(chosen, { ...settings, certificates: scratch, scratch });
const systems = new Map([...results].filter(([, rounds]) => rounds.length > 0).map(([name, rounds]) => [name, summarize(rounds)]));
if (!values.profile && systems.has('mesh:null')) {
  const sessions = 2000;
  process.stderr.write(`${sessions} idle sessions\n`);
  const { rss } = await measureIdleSessions({ scratch, sessions });
  systems.get('mesh:null').idleSessionKib = rss;
}
const targets = compareWithTargets(systems);
const machine = { cpu: cpus()[0].model, cores: cpus().length, kernel: release(), pinned: canPin, node: process.version, openssl: process.versions.openssl };
const othersCores = Math.max(...[...systems.values()].map((figures) => figures.othersCores));

console.log(`\n${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${settings.rounds} round(s) of ${settings.durationMs} ms; ratio = against tcp:tls\n`);
console.log(renderTables(systems));
if (targets.length > 0) console.log(`\nmesh:null against its targets\n${renderTargets(targets)}`);
if (!canPin) console.log('\nNothing was pinned to a core (no taskset, or one core): latencies and ratios are not comparable.');
if (othersCores > QUIET_CORES) console.log(`\nOther programs used up to ${othersCores.toFixed(2)} cores meanwhile: take these figures as provisional.`);

const date = new Date().toISOString();
const file = join(output, `compare-${date.replaceAll(/[:.]/g, '-')}.json`);
writeFileSync(file, JSON.stringify({ date, machine, settings, systems: Object.fromEntries(systems), targets, rounds: Object.fromEntries(results) }, null, 2));
console.log(`\nwritten to ${file}`);
process.exitCode = systems.size === chosen.length ? 0 : 1;
