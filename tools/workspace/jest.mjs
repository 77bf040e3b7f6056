// Runs one package's tests as native ESM and leaves the counts in test-results.json, which Nx caches along with the run.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const nodeOptions = ['--experimental-vm-modules', '--expose-gc', '--disable-warning=ExperimentalWarning'];
const jestOptions = ['--json', '--outputFile=test-results.json', '--testLocationInResults', ...process.argv.slice(2)];
if (!process.argv.some((argument) => /^--?(maxWorkers|w|i|runInBand)/.test(argument))) jestOptions.push('--maxWorkers=1');
// A run that dies before it reports must not leave the counts of the run before it.
rmSync('test-results.json', { force: true });
// --json sends the summary to stderr and the report to the file alone.
const run = spawnSync(process.execPath, [...nodeOptions, jest, ...jestOptions], { stdio: 'inherit' });
process.exit(run.status ?? 1);
