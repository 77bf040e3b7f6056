// `npm run check`: the rules of the house that neither the compiler nor the linter knows. One line a check; exit 1 if any fails.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { declaredImports, floors, projectReferences } from './checks/boundaries.mjs';
import { importCycles } from './checks/cycles.mjs';
import { fileNames, fileSizes, indexFiles } from './checks/files.mjs';
import { lockIsComplete, registryAddresses } from './checks/lock.mjs';
import { publishedPackages } from './checks/published.mjs';
import { readWorkspace } from './checks/workspace.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const workspace = readWorkspace(root);

/** The checks are code too: a checker that accepts everything would look just like a clean workspace. */
function checkers() {
  const { status, stdout } = spawnSync(process.execPath, ['--test', join(here, 'test')], { encoding: 'utf8' });
  return status === 0 ? [] : [stdout];
}

let failed = 0;
function report(name, problems) {
  console.log(problems.length === 0 ? `ok    ${name}` : `FAIL  ${name}`);
  for (const problem of problems) console.log(`      ${problem.split('\n').join('\n      ')}`);
  if (problems.length > 0) failed += 1;
}

report('these checks fail where they must', checkers());
report('floors: packages depend on lower floors only', floors(workspace));
report('imports are declared dependencies', declaredImports(workspace));
report('project references equal workspace dependencies', projectReferences(workspace));
report('no import cycles between files or folders', importCycles(workspace));
report('index.ts re-exports by name and is imported from outside only', indexFiles(workspace));
report('source files have at most 250 lines', fileSizes(workspace));
report('source files are named after what they hold', fileNames(workspace));
report('the lock is complete', await lockIsComplete(root));
report('the lock of tools/bench is complete', await lockIsComplete(join(root, 'tools', 'bench')));
report('no tracked file names a registry', await registryAddresses(root));
const { publint, attw } = await publishedPackages(workspace);
report('publint --strict', publint);
report('attw --profile esm-only', attw);

console.log(failed === 0 ? '\nall checks passed' : `\n${failed} ${failed === 1 ? 'check' : 'checks'} failed`);
process.exitCode = failed === 0 ? 0 : 1;
