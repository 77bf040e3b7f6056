// Runs one package's tests as native ESM and leaves the counts in test-results.json, which Nx caches along with the run.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { missingElasticsearch, unstartableElasticsearch } from '../services/elasticsearch-distribution.mjs';
import { missingPrograms } from '../services/programs.mjs';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const nodeOptions = ['--experimental-vm-modules', '--expose-gc', '--disable-warning=ExperimentalWarning'];
// Five seconds, the default, fail sound tests on a busy machine; what hangs is found all the same.
const jestOptions = ['--testTimeout=30000', '--json', '--outputFile=test-results.json', '--testLocationInResults', ...process.argv.slice(2)];
if (!process.argv.some((argument) => /^--?(maxWorkers|w|i|runInBand)/.test(argument))) jestOptions.push('--maxWorkers=1');
// Some suites need a program beside Node. Where it is missing they are left out by name; CI must have openssl and the servers of tools/services.
const suites = existsSync('test') ? readdirSync('test', { recursive: true }).filter((file) => file.endsWith('.test.ts')) : [];
const isThere = (program, args) => spawnSync(program, args, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` } }).error === undefined;
function leaveOut(program, sign) {
  for (const file of suites.filter((suite) => readFileSync(`test/${suite}`, 'utf8').includes(sign))) {
    console.error(`SKIPPED test/${file}: needs ${program}`);
    jestOptions.push('--testPathIgnorePatterns', `/test/${file.replaceAll('.', '\\.')}$`);
  }
}
if (process.env.CI === undefined && !isThere('openssl', ['version'])) leaveOut('openssl', 'openssl');
if (!isThere('dnsmasq', ['--version'])) leaveOut('dnsmasq', 'support/dnsmasq.js');
// `node tools/services/install.mjs` gets them.
if (process.env.CI === undefined && missingPrograms().length > 0) leaveOut(missingPrograms().join(', '), 'support/services.js');
// Not everybody can have it, CI neither: `.ci/run` tells where it was missing.
const ELASTICSEARCH = 'support/elasticsearch-server.js';
/** With users or settings of the test's own: that of ELASTICSEARCH_URL does not do. */
const OWN_ELASTICSEARCH = 'startElasticsearch({';
if (suites.some((suite) => readFileSync(`test/${suite}`, 'utf8').includes(ELASTICSEARCH))) {
  const reason = missingElasticsearch();
  const ownReason = reason ?? unstartableElasticsearch();
  if (reason !== undefined) leaveOut(`a real Elasticsearch (${reason})`, ELASTICSEARCH);
  else if (ownReason !== undefined) leaveOut(`an Elasticsearch of its own (${ownReason})`, OWN_ELASTICSEARCH);
}
// A run that dies before it reports must not leave the counts of the run before it.
rmSync('test-results.json', { force: true });
// --json sends the summary to stderr and the report to the file alone.
const run = spawnSync(process.execPath, [...nodeOptions, jest, ...jestOptions], { stdio: 'inherit' });
process.exit(run.status ?? 1);
