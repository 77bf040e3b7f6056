// The house rules of the workspace: floors, declared dependencies, project references.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageOf, readJson, SCOPE, targetOf } from './workspace.mjs';

/** The dependencies within a floor: the log format of mesh-log and the failures of mesh-sink are written in mesh-interface's types. */
const WITHIN_A_FLOOR = new Set(['mesh-log -> mesh-interface', 'mesh-sink -> mesh-interface']);

/** A package depends on lower floors only, so every part works alone and no two parts know each other. */
export function floors({ packages }) {
  const problems = [];
  const byName = new Map(packages.map((member) => [member.name, member]));
  for (const { folder, name, floor, runtimeDependencies } of packages) {
    if (name !== SCOPE + folder) problems.push(`${folder}: is named '${name}', not '${SCOPE}${folder}'`);
    if (!Number.isInteger(floor)) problems.push(`${folder}: no tag "floor:N" in package.json`);
    for (const dependency of runtimeDependencies) {
      const lower = byName.get(dependency);
      if (lower === undefined) {
        if (dependency.startsWith(SCOPE)) problems.push(`${folder}: depends on ${dependency}, which is not in packages/`);
      } else if (!(lower.floor < floor) && !WITHIN_A_FLOOR.has(`${folder} -> ${lower.folder}`)) {
        problems.push(`${folder} (floor ${floor}): may not depend on ${lower.folder} (floor ${lower.floor})`);
      }
    }
  }
  return problems;
}

/** A test may be supported by what supports the tests of a package that its own declares: simulated disks and the like are never shipped. */
function isSupportOf(target, declared) {
  const [, folder] = /^\.\.\/([^/]+)\/test\/support\/[^/]+$/.exec(target) ?? [];
  return folder !== undefined && declared.has(SCOPE + folder);
}

/** What a file imports its package declares; nothing reaches into another package's folder. */
export function declaredImports({ manifest, packages }) {
  const problems = [];
  for (const member of packages) {
    const shipped = new Set(member.runtimeDependencies);
    const inTests = new Set([...shipped, member.name, ...Object.keys({ ...member.manifest.devDependencies, ...manifest.devDependencies })]);
    const examine = (source, declared, folders) => {
      for (const specifier of source.imports) {
        const target = targetOf(source, specifier);
        if (target !== undefined) {
          const isSupport = folders.includes('test/') && isSupportOf(target, declared);
          if (!isSupport && !folders.some((folder) => target.startsWith(folder))) problems.push(`${member.folder}/${source.path}: '${specifier}' leaves ${folders.join(', ')}`);
        } else if (!specifier.startsWith('node:') && !declared.has(packageOf(specifier))) {
          problems.push(`${member.folder}/${source.path}: '${specifier}' is not declared in package.json`);
        }
      }
    };
    for (const source of member.src) examine(source, shipped, ['src/']);
    for (const source of member.harness) examine(source, inTests, ['src/', 'test/', 'bench/']);
  }
  return problems;
}

/** `tsc -b` builds in the order of the references, Nx in the order of the dependencies: they must say the same. */
export function projectReferences({ packages }) {
  const problems = [];
  for (const { directory, folder, runtimeDependencies } of packages) {
    const file = join(directory, 'tsconfig.json');
    if (!existsSync(file)) {
      problems.push(`${folder}: no tsconfig.json`);
      continue;
    }
    const references = new Set((readJson(file).references ?? []).map(({ path }) => path));
    const wanted = new Set(runtimeDependencies.filter((name) => name.startsWith(SCOPE)).map((name) => `../${name.slice(SCOPE.length)}`));
    for (const path of wanted) if (!references.has(path)) problems.push(`${folder}/tsconfig.json: reference to ${path} is missing`);
    for (const path of references) if (!wanted.has(path)) problems.push(`${folder}/tsconfig.json: reference to ${path} is not a dependency`);
  }
  return problems;
}
