import { expect, test } from '@jest/globals';
import { ExitCode } from '../src/exit-code.js';

test('scripts can rely on the numbers', () => {
  expect(ExitCode).toEqual({ ok: 0, notProven: 1, usage: 2, unreachable: 3 });
});
