// How a source file looks from outside: its size, its name, and what an index.ts may hold.
import { posix } from 'node:path';
import ts from 'typescript';
import { packageOf, targetOf } from './workspace.mjs';

const LONGEST = 250;

/** Files that may be longer, each with its reason: `['package/src/file.ts', 'why it is one piece']`. */
const MAY_BE_LONGER = new Map([]);

const lineCount = (text) => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

export function fileSizes({ packages }, mayBeLonger = MAY_BE_LONGER) {
  const problems = [];
  for (const { folder, src } of packages) {
    for (const { path, text } of src) {
      const lines = lineCount(text);
      if (lines > LONGEST && !mayBeLonger.has(`${folder}/${path}`)) problems.push(`${folder}/${path}: ${lines} lines, more than ${LONGEST}`);
    }
  }
  return problems;
}

export function fileNames({ packages }) {
  const problems = [];
  for (const { folder, src } of packages) {
    for (const { path } of src) {
      const name = posix.basename(path, '.ts');
      if (name === 'utils' || name === 'helpers') problems.push(`${folder}/${path}: name it after what is in it`);
      else if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) problems.push(`${folder}/${path}: not kebab-case`);
    }
  }
  return problems;
}

const reExportsByName = (statement) =>
  ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause);

/** index.ts is the way in from outside: it re-exports by name, and no file behind it goes back through it. */
export function indexFiles({ packages }) {
  const problems = [];
  for (const { folder, name, src } of packages) {
    if (!src.some(({ path }) => path === 'src/index.ts')) problems.push(`${folder}: no src/index.ts`);
    for (const source of src) {
      if (posix.basename(source.path) === 'index.ts') {
        const { statements } = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest);
        if (!statements.every(reExportsByName)) problems.push(`${folder}/${source.path}: holds more than re-exports by name`);
      }
      for (const specifier of source.imports) {
        const target = targetOf(source, specifier);
        const ownIndex = target === undefined ? packageOf(specifier) === name : posix.basename(target) === 'index.ts';
        if (ownIndex) problems.push(`${folder}/${source.path}: imports its own package's index`);
      }
    }
  }
  return problems;
}
