// What npm would publish: each package packed, then examined by publint and by attw (are the types wrong?).
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const require = createRequire(import.meta.url);

/** Path of the program a package installs: neither of the two exports its manifest, so it is looked for beside the sources. */
function program(root, packageName, name) {
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[name]);
}

async function complaintsOf(script, args, root) {
  try {
    await execute(process.execPath, [script, ...args], { cwd: root, env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1' } });
    return undefined;
  } catch (error) {
    return `${error.stdout ?? ''}${error.stderr ?? ''}`.trim() || error.message;
  }
}

/** Problems per tool. Packs everything once; needs the packages built. */
export async function publishedPackages({ root }) {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-check-pack-'));
  const problems = { publint: [], attw: [] };
  try {
    const packed = await execute('npm', ['pack', '--workspaces', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], { cwd: root, maxBuffer: 64 << 20 });
    const publint = program(root, 'publint', 'publint');
    const attw = program(root, '@arethetypeswrong/cli', 'attw');
    for (const { name, filename } of JSON.parse(packed.stdout)) {
      const tarball = join(folder, filename);
      // Two at a time: each is a process of its own and the machines this runs on have two cores.
      const [lint, types] = await Promise.all([
        complaintsOf(publint, ['run', tarball, '--strict'], root),
        complaintsOf(attw, [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'], root),
      ]);
      if (lint !== undefined) problems.publint.push(`${name}: ${lint}`);
      if (types !== undefined) problems.attw.push(`${name}: ${types}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return problems;
}
