import { MeshError } from '@lemur-bookstores/mesh-interface';
import { ADAPTER_CASES } from './adapter-cases.js';
import type { AdapterDescription } from './adapter-description.js';
import { isSupported, SINK_FAILURES } from './adapter-support.js';
import type { AdapterCase } from './case.js';
import { Trial } from './trial.js';

/**
 * Registers the tests that every adapter has to pass: a group with one test for each case that applies. Each test makes a subject of its own.
 * @throws MeshError `invalid_option` that names every problem
 */
export function describeAdapter(description: AdapterDescription): void {
  checkDescription(description);
  const { name, runner, supports = {} } = description;
  const cases = ADAPTER_CASES.filter(({ needs = [] }) => needs.every((need) => isSupported(supports, need)));
  runner.describe(name, () => {
    for (const each of cases) runner.it(`${each.name}: ${each.title}`, () => runCase(each, description));
  });
}

async function runCase(each: AdapterCase, description: AdapterDescription): Promise<void> {
  const trial = new Trial(description);
  try {
    await each.run(trial);
  } catch (error) {
    // What goes wrong while clearing away is most often a consequence.
    await trial.end().catch(() => undefined);
    throw error;
  }
  await trial.end();
}

function checkDescription(description: AdapterDescription): void {
  const { name, runner, supports = {}, patienceMs = 1 } = description;
  const problems: string[] = [];
  if (typeof name !== 'string' || name === '') problems.push('name: must be a text');
  if (typeof runner?.describe !== 'function' || typeof runner.it !== 'function') problems.push('runner: must have describe and it');
  if (typeof description.create !== 'function') problems.push('create: must be a function');
  if (!['function', 'undefined'].includes(typeof description.holds)) problems.push('holds: must be a function');
  if (!(patienceMs > 0 && patienceMs <= 600_000)) problems.push('patienceMs: must be 1 to 600000');
  for (const kind of supports.failures ?? []) if (!SINK_FAILURES.includes(kind)) problems.push(`supports.failures: no kind ${JSON.stringify(kind)}`);
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
}
