// `npm run soak [-- --factor 20] [-- --only mesh-log]`: the tests that end at chance, many times over: random kills, crashes, tampering, sequences of operations, partitions, keys replaced under
// load, and connections by the thousand.
// Each multiplies its repetitions by MESH_SOAK and its patience with them. Not part of `npm test`; stops at the first package that fails.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Package → the tests that know MESH_SOAK. */
const SUITES = {
  'mesh-log': ['/kill.test', '/crash.test'],
  'mesh-audit': ['/accounting.test'],
  'secure-stack-mesh': ['/kill-audit.test', '/rotation-under-load.test', '/partitions.test', '/killed-instances.test', '/connect-disconnect.test'],
};

const { values } = parseArgs({ options: { factor: { type: 'string', default: '20' }, only: { type: 'string' } } });
const factor = Number(values.factor);
if (!(Number.isInteger(factor) && factor >= 1)) {
  console.error(`--factor: ${values.factor} is no whole number of at least 1`);
  process.exit(2);
}
const chosen = values.only?.split(',') ?? Object.keys(SUITES);
const unknown = chosen.filter((name) => !Object.hasOwn(SUITES, name));
if (unknown.length > 0) {
  console.error(`--only: nothing to soak in ${unknown.join(', ')}; there are ${Object.keys(SUITES).join(', ')}`);
  process.exit(2);
}

for (const name of chosen) {
  console.log(`\n=== ${name}, ${factor} times the repetitions of npm test`);
  const began = performance.now();
  const { status } = spawnSync(process.execPath, [join(root, 'tools', 'workspace', 'jest.mjs'), ...SUITES[name]], {
    cwd: join(root, 'packages', name),
    stdio: 'inherit',
    env: { ...process.env, MESH_SOAK: String(factor) },
  });
  console.log(`=== ${name}: ${status === 0 ? 'ok' : 'failed'} after ${Math.round((performance.now() - began) / 1000)} s`);
  if (status !== 0) process.exit(status ?? 1);
}
