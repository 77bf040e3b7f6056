import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { isTimeout } from '../src/is-timeout.js';
import { MeshError } from '../src/mesh-error.js';

const deadline = new MeshError('deadline_exceeded', 'late');
const itself = new MeshError('cancelled', 'by itself');
Object.defineProperty(itself, 'cause', { value: itself });

test.each<[string, unknown, boolean]>([
  ['a deadline', deadline, true],
  ['what AbortSignal.timeout() gives', new DOMException('late', 'TimeoutError'), true],
  ['the same of another realm', runInNewContext("Object.assign(new Error('late'), { name: 'TimeoutError' })"), true],
  ['a cancellation by a deadline', new MeshError('cancelled', 'x', { cause: deadline }), true],
  ['a cancellation', new MeshError('cancelled', 'x'), false],
  ['one that is its own cause', itself, false],
  ['another error by a deadline', new MeshError('connection_lost', 'x', { cause: deadline }), false],
  ['what abort() gives', new DOMException('x', 'AbortError'), false],
  ['null', null, false],
  ['a text', 'TimeoutError', false],
  ['nothing', undefined, false],
])('%s', (_what, reason, expected) => {
  expect(isTimeout(reason)).toBe(expected);
});
