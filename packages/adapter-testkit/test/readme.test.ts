import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ADAPTER_CASES } from '../src/adapter-cases.js';
import type { AdapterCase } from '../src/case.js';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const EXAMPLE = /^```js\n(.*?)^```$/ms.exec(README)?.[1] ?? '';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'testkit-readme-'));
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly code: number;
  readonly output: string;
}

/** Runs a test file under node:test, against the built package. */
function nodeTest(name: string, source: string): Promise<Run> {
  writeFileSync(join(folder, name), source);
  return new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '' };
    execFile(process.execPath, ['--test', '--test-reporter=tap', name], { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, output: stdout + stderr }),
    );
  });
}

const failedCases = ({ output }: Run): string[] => [...output.matchAll(/^ {4,}not ok \d+ - ([\w-]+):/gm)].map(([, name]) => name ?? '');
const isForAll = ({ needs = [] }: AdapterCase): boolean => needs.every((need) => need === 'events');

describe("the README's example under node:test", () => {
  test('passes every case that applies', async () => {
    const run = await nodeTest('right.test.mjs', EXAMPLE);
    expect(run).toMatchObject({ code: 0 });
    const passed = [...run.output.matchAll(/^ +ok \d+ - ([\w-]+):/gm)].map(([, name]) => name);
    expect(passed).toEqual(ADAPTER_CASES.filter(isForAll).map(({ name }) => name));
  });

  test('with a mistake in it fails the case for that', async () => {
    const wrong = EXAMPLE.replace('this.#closed = true', 'this.#closed = false');
    expect(wrong).not.toBe(EXAMPLE);
    const run = await nodeTest('wrong.test.mjs', wrong);
    expect(run.code).toBe(1);
    expect(failedCases(run)).toEqual(['use-after-close']);
  });

  test('that leaves a rejection to nobody is failed by the runner', async () => {
    const unhandled = EXAMPLE.replace('this.#closed = true', "this.#closed = true; void Promise.reject(new Error('nobody hears this'))");
    const run = await nodeTest('unhandled.test.mjs', unhandled);
    expect(run.code).toBe(1);
    expect(run.output).toContain('nobody hears this');
  });
});

test('the README lists every case as it is', () => {
  const section = README.slice(README.indexOf('## The cases'), README.indexOf('## What it cannot see'));
  const listed = [...section.matchAll(/^\| `([\w-]+)` \| (.*) \| (?:(`.*`) )?\|$/gm)].map(([, name, title, needs]) => ({ name, title, needs }));
  const needsOf = ({ needs }: AdapterCase): string | undefined => needs?.map((need) => `\`${need}\``).join(', ');
  expect(listed).toEqual(ADAPTER_CASES.map((each) => ({ name: each.name, title: each.title, needs: needsOf(each) })));
});
