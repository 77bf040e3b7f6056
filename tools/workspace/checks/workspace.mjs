// Reads what the checks look at: each package's manifest, floor and TypeScript files with their imports.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

export const SCOPE = '@lemur-bookstores/';

export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

function* typeScriptFiles(directory) {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* typeScriptFiles(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

/** A TypeScript file: `path` is relative to its package, `imports` are the specifiers as written, type-only ones included. */
function readSource(packageDirectory, file) {
  const text = readFileSync(file, 'utf8');
  return {
    path: relative(packageDirectory, file).split(sep).join('/'),
    text,
    imports: ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName),
  };
}

function readPackage(directory) {
  const manifest = readJson(join(directory, 'package.json'));
  const floorTag = (manifest.nx?.tags ?? []).find((tag) => tag.startsWith('floor:'));
  const sources = (folder) => [...typeScriptFiles(join(directory, folder))].map((file) => readSource(directory, file));
  return {
    directory,
    folder: basename(directory),
    name: manifest.name ?? '',
    manifest,
    floor: floorTag === undefined ? undefined : Number(floorTag.slice('floor:'.length)),
    runtimeDependencies: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
    src: sources('src'),
    harness: [...sources('test'), ...sources('bench')],
  };
}

/** @param {string} root the folder that holds `packages/` and the root package.json */
export function readWorkspace(root) {
  const folders = readdirSync(join(root, 'packages'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const directories = folders.map(({ name }) => join(root, 'packages', name)).filter((directory) => existsSync(join(directory, 'package.json')));
  return { root, manifest: readJson(join(root, 'package.json')), packages: directories.map(readPackage) };
}

/** The file of the same package that a relative import means, or undefined for an import of something else. */
export function targetOf(source, specifier) {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(source.path), specifier).replace(/\.js$/, '.ts');
}

/** `@scope/name/deep` and `name/deep` without what comes after the name. */
export const packageOf = (specifier) => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');

