import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { run } from './support/run.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const COMMANDS = ['audit verify', 'audit query', 'audit tail', 'audit key', 'compliance report', 'compliance verify', 'ca init', 'ca issue', 'status', 'health', 'topology', 'keys status', 'keys rotate'];

describe.each(COMMANDS)('the README on %s', (command) => {
  let help = '';
  beforeAll(async () => {
    help = (await run([...command.split(' '), '--help'])).out;
  });

  test('is about a command that there is, and names each of its options', () => {
    expect(help).toContain(`Usage: secure-stack-mesh ${command}`);
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option as string).filter((option) => option !== '--help');
    expect(options.length).toBeGreaterThan(0);
    for (const option of options) expect(readme).toContain(option);
  });
});

test('the README names no option that there is not', async () => {
  const all = (await Promise.all(COMMANDS.map(async (command) => (await run([...command.split(' '), '--help'])).out))).join('');
  // Of npm.
  const others = new Set(['--global']);
  const named = [...readme.matchAll(/(?<![\w-])--[a-z][\w-]*/g)].map(([option]) => option).filter((option) => !others.has(option));
  expect(named.filter((option) => !all.includes(option))).toEqual([]);
});
