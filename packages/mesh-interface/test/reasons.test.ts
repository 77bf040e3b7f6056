import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { REASONS } from '../src/reasons.js';

const root = new URL('../../../', import.meta.url);

/** Reasons that no source gives: they are there for handlers, so that their code is known at both ends. */
const FOR_HANDLERS = new Set(['permission_denied']);

/** `reason` and code of every entry: "### `reason` (CODE)". */
function documented(): [string, string][] {
  const text = readFileSync(new URL('docs/errors.md', root), 'utf8');
  return [...text.matchAll(/^### `(\w+)` \(([A-Z_]+)\)\n- When: [^]+?\n- Do: \S/gm)].map(([, reason = '', code = '']) => [reason, code]);
}

/** The text of every source file, but for the table itself. */
function sources(): Map<string, string> {
  const texts = new Map<string, string>();
  for (const name of readdirSync(new URL('packages/', root))) {
    const directory = new URL(`packages/${name}/src/`, root);
    for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.ts') && file !== 'reasons.ts') texts.set(`${name}/src/${file}`, readFileSync(new URL(file, directory), 'utf8'));
    }
  }
  return texts;
}

describe('docs/errors.md', () => {
  test('has exactly one entry for every reason, with its code, when it happens and what to do', () => {
    const entries = documented();
    expect(entries.map(([reason]) => reason)).toEqual([...new Set(entries.map(([reason]) => reason))]);
    expect(Object.fromEntries(entries)).toEqual(REASONS);
  });

  test('has no heading that is not such an entry', () => {
    const text = readFileSync(new URL('docs/errors.md', root), 'utf8');
    expect(text.match(/^###.*$/gm)).toHaveLength(Object.keys(REASONS).length);
  });
});

describe('the sources of all packages', () => {
  test('are found', () => {
    expect([...sources().keys()]).toEqual(expect.arrayContaining(['mesh-core/src/wire/body.ts', 'mesh-interface/src/mesh-error.ts']));
  });

  test('give every reason of the table', () => {
    const all = [...sources().values()].join('\n');
    const unused = Object.keys(REASONS).filter((reason) => !FOR_HANDLERS.has(reason) && !all.includes(`'${reason}'`));
    expect(unused).toEqual([]);
  });

  test('give no other reason', () => {
    const unknown: string[] = [];
    let given = 0;
    for (const [file, text] of sources()) {
      for (const [, reason = ''] of text.matchAll(/\b(?:new MeshError\(|MeshError\.from\(\w+,)\s*'([^']*)'/g)) {
        given++;
        if (!Object.hasOwn(REASONS, reason)) unknown.push(`${file}: ${reason}`);
      }
    }
    expect(unknown).toEqual([]);
    expect(given).toBeGreaterThan(100);
  });
});
