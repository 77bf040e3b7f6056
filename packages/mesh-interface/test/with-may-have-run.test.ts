import { expect, test } from '@jest/globals';
import { MeshError } from '../src/mesh-error.js';
import { withMayHaveRun } from '../src/with-may-have-run.js';

const error = (mayHaveRun?: boolean): MeshError => new MeshError('busy', 'later', { code: 'UNAVAILABLE', details: { a: 1 }, retryable: false, retryAfterMs: 5, ...(mayHaveRun === undefined ? {} : { mayHaveRun }) });

test.each<[boolean | undefined, boolean, boolean]>([
  [undefined, false, false],
  [undefined, true, true],
  [false, false, false],
  [false, true, true],
  [true, false, true],
  [true, true, true],
])('what says %s, where %s is known, says %s; all else is as it was', (said, known, expected) => {
  const before = error(said);
  const after = withMayHaveRun(before, known);
  expect(after).toMatchObject({ code: 'UNAVAILABLE', reason: 'busy', text: 'later', details: { a: 1 }, retryable: false, retryAfterMs: 5, mayHaveRun: expected });
  if (said === expected) expect(after).toBe(before);
  else expect(after.cause).toBe(before);
});

test('what is no MeshError becomes one', () => {
  expect(withMayHaveRun(new Error('x'), true)).toMatchObject({ reason: 'unexpected', mayHaveRun: true });
});
