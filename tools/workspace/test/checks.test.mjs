// Every check against a small workspace that is right, and against one that is wrong in just that respect.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { declaredImports, floors, projectReferences } from '../checks/boundaries.mjs';
import { importCycles } from '../checks/cycles.mjs';
import { fileNames, fileSizes, indexFiles } from '../checks/files.mjs';
import { lockIsComplete, registryAddresses } from '../checks/lock.mjs';
import { readWorkspace } from '../checks/workspace.mjs';

const SCOPE = '@lemur-bookstores/';
const folders = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function tree(files) {
  const root = mkdtempSync(join(tmpdir(), 'mesh-check-test-'));
  folders.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return root;
}

const manifest = (folder, floor, dependencies = {}) => ({ name: SCOPE + folder, version: '0.1.0', nx: { tags: [`floor:${floor}`] }, dependencies });
const references = (...paths) => ({ references: paths.map((path) => ({ path })) });

/** Two parts over one interface, everything right; `changes` replace or add files. */
function workspaceWith(changes = {}) {
  return readWorkspace(
    tree({
      'package.json': { name: 'root', devDependencies: { '@jest/globals': '1.0.0' } },
      'packages/base/package.json': manifest('base', 0),
      'packages/base/tsconfig.json': references(),
      'packages/base/src/index.ts': "export { answer } from './answer.js';\n",
      'packages/base/src/answer.ts': 'export const answer = 42;\n',
      'packages/left/package.json': manifest('left', 1, { [`${SCOPE}base`]: '^0.1.0', ws: '^8.0.0' }),
      'packages/left/tsconfig.json': references('../base'),
      'packages/left/src/index.ts': "export { type Door } from './wall/door.js';\n",
      'packages/left/src/wall/door.ts': `import { answer } from '${SCOPE}base';\nimport { WebSocket } from 'ws';\nimport 'node:fs';\nexport type Door = typeof answer | WebSocket;\n`,
      'packages/left/test/door.test.ts': "import { test } from '@jest/globals';\nimport '../src/wall/door.js';\n",
      'packages/right/package.json': manifest('right', 1, { [`${SCOPE}base`]: '^0.1.0' }),
      'packages/right/tsconfig.json': references('../base'),
      'packages/right/src/index.ts': "export { roof } from './roof.js';\n",
      'packages/right/src/roof.ts': 'export const roof = 1;\n',
      ...changes,
    }),
  );
}

const checks = { floors, declaredImports, projectReferences, importCycles, indexFiles, fileSizes, fileNames };

test('a right workspace passes every check', () => {
  const workspace = workspaceWith();
  for (const [name, check] of Object.entries(checks)) assert.deepEqual(check(workspace), [], name);
});

/** [what is wrong, the one check that must say so, the changed files, what it must name] */
const wrong = [
  ['a floor-1 package on its neighbour', 'floors', { 'packages/right/package.json': manifest('right', 1, { [`${SCOPE}base`]: '^0.1.0', [`${SCOPE}left`]: '^0.1.0' }), 'packages/right/tsconfig.json': references('../base', '../left') }, /right.*may not depend on left/],
  ['a floor-0 package on floor 1', 'floors', { 'packages/base/package.json': manifest('base', 0, { [`${SCOPE}left`]: '^0.1.0' }), 'packages/base/tsconfig.json': references('../left') }, /base.*may not depend on left/],
  ['a folder with another name', 'floors', { 'packages/right/package.json': manifest('rihgt', 1, { [`${SCOPE}base`]: '^0.1.0' }) }, /right: is named/],
  ['no floor', 'floors', { 'packages/right/package.json': { name: `${SCOPE}right`, dependencies: { [`${SCOPE}base`]: '^0.1.0' } } }, /no tag/],
  ['an undeclared npm package', 'declaredImports', { 'packages/right/src/roof.ts': "import 'ws';\n" }, /'ws' is not declared/],
  ['an undeclared neighbour, for its types only', 'declaredImports', { 'packages/right/src/roof.ts': `import type { Door } from '${SCOPE}left';\nexport const roof: Door = 1;\n` }, /left' is not declared/],
  ['an undeclared neighbour, imported at run time', 'declaredImports', { 'packages/right/src/roof.ts': `export const roof = await import('${SCOPE}left');\n` }, /left' is not declared/],
  ["a neighbour's folder", 'declaredImports', { 'packages/right/src/roof.ts': "export { Door } from '../../left/src/wall/door.js';\n" }, /leaves src/],
  ['a test of an undeclared package', 'declaredImports', { 'packages/right/test/roof.test.ts': "import 'ws';\n" }, /roof.test.ts: 'ws' is not declared/],
  ["the test support of a package that is not declared", 'declaredImports', { 'packages/right/test/roof.test.ts': "import '../../left/test/support/crane.js';\n" }, /leaves src/],
  ["a declared package's test", 'declaredImports', { 'packages/right/test/roof.test.ts': "import '../../base/test/base.test.js';\n" }, /leaves src/],
  ["test support in what is shipped", 'declaredImports', { 'packages/right/src/roof.ts': "import '../../base/test/support/crane.js';\n" }, /leaves src/],
  ['a missing reference', 'projectReferences', { 'packages/right/tsconfig.json': references() }, /reference to \.\.\/base is missing/],
  ['a reference too many', 'projectReferences', { 'packages/right/tsconfig.json': references('../base', '../left') }, /reference to \.\.\/left is not a dependency/],
  ['two files that need each other', 'importCycles', { 'packages/right/src/roof.ts': "import './beam.js';\nexport const roof = 1;\n", 'packages/right/src/beam.ts': "import './roof.js';\n" }, /roof\.ts -> src\/beam\.ts -> src\/roof\.ts|beam\.ts -> src\/roof\.ts -> src\/beam\.ts/],
  ['two folders that need each other', 'importCycles', { 'packages/right/src/a/one.ts': "import '../b/two.js';\n", 'packages/right/src/b/two.ts': '', 'packages/right/src/b/three.ts': "import '../a/four.js';\n", 'packages/right/src/a/four.ts': '' }, /cycle src\/a -> src\/b -> src\/a|cycle src\/b -> src\/a -> src\/b/],
  ['code in index.ts', 'indexFiles', { 'packages/right/src/index.ts': "export { roof } from './roof.js';\nexport const more = 1;\n" }, /more than re-exports/],
  ['a re-export of everything', 'indexFiles', { 'packages/right/src/index.ts': "export * from './roof.js';\n" }, /more than re-exports/],
  ['a file over 250 lines', 'fileSizes', { 'packages/right/src/roof.ts': 'export const roof = 1;\n'.repeat(251) }, /251 lines/],
  ['utils.ts', 'fileNames', { 'packages/right/src/utils.ts': '' }, /name it after/],
  ['camelCase', 'fileNames', { 'packages/right/src/roofBeam.ts': '' }, /not kebab-case/],
];

describe('a wrong workspace fails exactly the check it breaks', () => {
  for (const [what, broken, changes, says] of wrong) {
    test(what, () => {
      const workspace = workspaceWith(changes);
      for (const [name, check] of Object.entries(checks)) {
        const problems = check(workspace);
        if (name === broken) assert.match(problems.join('\n'), says);
        else assert.deepEqual(problems, [], name);
      }
    });
  }
});

test('importing the own index is found, by path and by name', () => {
  for (const specifier of ['./index.js', `${SCOPE}right`]) {
    const workspace = workspaceWith({ 'packages/right/src/roof.ts': `import '${specifier}';\nexport const roof = 1;\n` });
    assert.match(indexFiles(workspace).join('\n'), /roof\.ts: imports its own package's index/);
  }
});

test('mesh-log may use mesh-interface, the other way round is refused', () => {
  const log = { 'packages/mesh-log/package.json': manifest('mesh-log', 0, { [`${SCOPE}mesh-interface`]: '*' }), 'packages/mesh-interface/package.json': manifest('mesh-interface', 0) };
  assert.deepEqual(floors(workspaceWith(log)), []);
  const back = { 'packages/mesh-log/package.json': manifest('mesh-log', 0), 'packages/mesh-interface/package.json': manifest('mesh-interface', 0, { [`${SCOPE}mesh-log`]: '*' }) };
  assert.match(floors(workspaceWith(back)).join(), /mesh-interface.*may not depend on mesh-log/);
});

test('a lock that lacks a dependency is found without a network', async () => {
  const packageJson = { name: 'x', version: '1.0.0', dependencies: { ws: '^8.23.0' } };
  const entry = { version: '8.23.0', integrity: 'sha512-AAAA', engines: { node: '>=10.0.0' } };
  const lock = (packages) => ({ name: 'x', version: '1.0.0', lockfileVersion: 3, requires: true, packages: { '': packageJson, ...packages } });
  assert.deepEqual(await lockIsComplete(tree({ 'package.json': packageJson, 'package-lock.json': lock({ 'node_modules/ws': entry }) })), []);
  assert.equal((await lockIsComplete(tree({ 'package.json': packageJson, 'package-lock.json': lock({}) }))).length, 1);
});

test('a registry address in a tracked file is found', async () => {
  // Put together here, for this file is tracked too.
  const address = ['https://registry', 'example', 'org'].join('.');
  const root = tree({ 'a.json': JSON.stringify({ resolved: `${address}/x.tgz` }), 'b.md': 'the registry is the user’s choice' });
  spawnSync('git', ['init', '-q'], { cwd: root });
  assert.deepEqual(await registryAddresses(root), []); // not tracked yet
  spawnSync('git', ['add', '.'], { cwd: root });
  assert.match((await registryAddresses(root)).join('\n'), /^a\.json:1:/);
  assert.equal((await registryAddresses(root)).length, 1);
});
