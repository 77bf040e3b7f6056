// The one door to the workspace: `npm start`, `npm test` and the rest work on a fresh clone with nothing but Node.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const [command, ...rest] = process.argv.slice(2);
const environment = { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false', FORCE_COLOR: process.env.FORCE_COLOR ?? '0' };
// A shell set up for production is no reason to install, build or test less.
delete environment.NODE_ENV;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`secure-stack-mesh needs Node.js >= 20.19.0; this is ${process.version}.`);
  process.exit(1);
}

function run(program, args, options = {}) {
  const ended = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: environment, ...options });
  if (ended.error) throw ended.error;
  return ended.status ?? 1;
}

function must(program, args, options) {
  const status = run(program, args, options);
  if (status !== 0) process.exit(status);
}

/** npm writes what it installed beside the packages: where that differs from the lock, install. */
function installWhatIsMissing() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  if (existsSync(installed)) {
    const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
    // The links to the packages of this workspace have no version: that they are there is all there is to compare.
    const isMissing = ([path, entry]) => path.includes('node_modules/') && !entry.optional && (have[path] === undefined || have[path].version !== entry.version);
    if (!Object.entries(lock).some(isMissing)) return;
  }
  console.log('Installing dependencies (npm ci) …');
  // Whatever the shell says of production; and the linter's own idea of Node versions is not the product's.
  const args = ['ci', '--include=dev', '--engine-strict=false', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('npm-cli.js')) must(process.execPath, [npm, ...args]);
  else must('npm', args, { shell: process.platform === 'win32' });
}

const nx = (...args) => [join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js'), ...args];
const quiet = { stdio: ['ignore', 'pipe', 'inherit'] };

function build({ silent }) {
  const args = nx('run-many', '-t', 'build', '--parallel=2', '--output-style=static');
  if (!silent) return must(process.execPath, args);
  const ended = spawnSync(process.execPath, args, { cwd: root, env: environment, encoding: 'utf8', ...quiet });
  if (ended.status !== 0) {
    console.error(ended.stdout);
    process.exit(ended.status ?? 1);
  }
}

const packageFolders = () => readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name)).filter((folder) => existsSync(join(folder, 'package.json')));
const resultsOf = (folder) => join(folder, 'test-results.json');

/** Sums the counts that each package's Jest left, cached or fresh. A package that left none did not get as far: one failure. */
function testTotals(folders) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const folder of folders) {
    if (!existsSync(resultsOf(folder))) {
      total.failed += 1;
      continue;
    }
    const result = JSON.parse(readFileSync(resultsOf(folder), 'utf8'));
    total.passed += result.numPassedTests;
    total.failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
    total.skipped += result.numPendingTests;
  }
  return total;
}

installWhatIsMissing();
switch (command) {
  case 'start':
    build({ silent: true });
    process.exit(run(process.execPath, ['docs/examples/demo/demo.mjs', ...rest]));
    break;
  case 'test': {
    build({ silent: true });
    // Nx puts the results of a cached run back; what an earlier run left must not count as this one's.
    const all = packageFolders();
    for (const folder of all) rmSync(resultsOf(folder), { force: true });
    const status = run(process.execPath, nx('run-many', '-t', 'test', '--parallel=2', '--output-style=static', ...rest));
    const { passed, failed, skipped } = testTotals(rest.length === 0 ? all : all.filter((folder) => existsSync(resultsOf(folder))));
    console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    process.exit(status === 0 && failed > 0 ? 1 : status);
    break;
  }
  case 'build':
    build({ silent: false });
    break;
  case 'lint': {
    const packages = run(process.execPath, nx('run-many', '-t', 'lint', '--parallel=2', '--output-style=static', ...rest));
    const others = run(process.execPath, [join(root, 'node_modules', 'eslint', 'bin', 'eslint.js'), '--no-error-on-unmatched-pattern', 'tools', 'docs']);
    process.exit(packages !== 0 ? packages : others);
    break;
  }
  case 'check':
    build({ silent: true });
    process.exit(run(process.execPath, ['tools/workspace/check.mjs', ...rest]));
    break;
  case 'bench':
    build({ silent: true });
    process.exit(run(process.execPath, ['tools/bench/run.mjs', ...rest]));
    break;
  case 'soak':
    build({ silent: true });
    process.exit(run(process.execPath, ['tools/soak/run.mjs', ...rest]));
    break;
  default:
    console.error(`unknown command '${command}'; known: start, test, build, lint, check, bench, soak`);
    process.exit(2);
}
