import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as everything from '../src/index.js';
import { resolveComplianceAdapterOptions } from '../src/compliance-adapter-options.js';
import { PCI } from './support/support.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const guide = readFileSync(new URL('../../../docs/compliance.md', import.meta.url), 'utf8');

test('the README has every option, and everything that can be imported', () => {
  const { found: _found, ...options } = resolveComplianceAdapterOptions(PCI);
  for (const name of ['standard', 'requirement', ...Object.keys(options), ...Object.keys(everything)]) expect(readme).toMatch(new RegExp(`\`(new )?${name}\\b`));
});

test('the documentation has every standard and requirement, by each of its numbers', () => {
  for (const { id, requirements } of everything.STANDARDS) {
    expect(guide).toContain(`\`${id}\``);
    for (const requirement of requirements) for (const each of [requirement, ...requirement.otherIds]) expect(guide).toContain(`\`${each.id}\``);
  }
});

test('neither calls anything compliant, but to say that nothing is', () => {
  expect(`${readme}${guide}`.match(/[^.\n]*\bcompliant\b[^.\n]*/gi)).toEqual(['** It calls nothing compliant']);
});
