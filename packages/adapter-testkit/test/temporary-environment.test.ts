import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { TemporaryEnvironment } from '../src/temporary-environment.js';

test('a folder of its own, made when asked for, with nothing in it, and removed with all that came into it', () => {
  const [one, other] = [new TemporaryEnvironment(), new TemporaryEnvironment()];
  expect(one.unique).not.toBe(other.unique);
  const { directory, paths } = one;
  expect(directory).not.toBe(other.directory);
  expect(readdirSync(directory)).toEqual([]);
  for (const path of Object.values(paths)) expect(dirname(path)).toBe(directory);
  writeFileSync(join(directory, 'file'), '');
  one.remove();
  other.remove();
  expect(existsSync(directory)).toBe(false);
  expect(() => new TemporaryEnvironment().remove()).not.toThrow();
});
