import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { OptionCheck } from '@lemur-bookstores/mesh-interface';
import { Credential, credentialOf } from '../src/credential.js';

const SECRET = 'k3y-of-the-house';

test('however it is printed it is not shown', () => {
  const credential = new Credential(SECRET);
  const shown = [String(credential), `${credential}`, JSON.stringify({ credential }), inspect(credential, { showHidden: true, depth: 9 }), inspect({ a: [credential] })];
  for (const text of shown) {
    expect(text).toContain('[redacted]');
    expect(text).not.toContain(SECRET);
  }
  expect(credential.reveal()).toBe(SECRET);
});

test('is taken out of a text as often as it stands there', () => {
  expect(new Credential(SECRET).redact(`no such key: ${SECRET}, ${SECRET}`)).toBe('no such key: [redacted], [redacted]');
  expect(new Credential('').redact('said')).toBe('said');
});

test.each([
  ['missing', undefined, 'is missing'],
  ['null', null, 'is missing'],
  ['empty', '', 'is missing'],
  ['no text', 17, 'must be a text'],
  ['with a line end', `${SECRET}\n`, 'line end'],
  ['with a space', `${SECRET} x`, 'printable ASCII'],
  ['too long', 'x'.repeat(8_193), '8192'],
  ['of another form', SECRET, 'must be 32 characters'],
])('a problem names the option, never the value: %s', (_what, value, problem) => {
  const check = new OptionCheck();
  expect(credentialOf(check, 'apiKey', value, (text) => text.length === 32, '32 characters')).toBeUndefined();
  expect(check.problems).toHaveLength(1);
  expect(check.problems[0]).toMatch(/^apiKey: /);
  expect(check.problems[0]).toContain(problem);
  expect(check.problems[0]).not.toContain(SECRET);
});

test('one that fits', () => {
  const check = new OptionCheck();
  expect(credentialOf(check, 'apiKey', SECRET)?.reveal()).toBe(SECRET);
  expect(check.problems).toEqual([]);
});
