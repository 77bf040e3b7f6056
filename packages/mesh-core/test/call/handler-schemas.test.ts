import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@lemur-bookstores/mesh-interface';
import { givenHandler } from '../../src/call/given-handler.js';
import { thrown } from '../support/wire.js';

const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } };
const problemsOf = (...given: unknown[]): unknown => (thrown(() => givenHandler('pay', given, silentLogger)).details as { problems: unknown } | undefined)?.problems;
const handler = (): number => 1;

describe('what handle() takes', () => {
  test('a handler alone is kept as it is', () => {
    expect(givenHandler('pay', [handler], silentLogger)).toBe(handler);
  });

  test.each([[{ input: schema }], [{ output: schema }], [{ input: schema, output: schema }], [{ input: schema, output: undefined }], [{ input: Object.assign(() => 1, schema) }]])('%p', (schemas) => {
    expect(typeof givenHandler('pay', [schemas, handler], silentLogger)).toBe('function');
  });

  test.each<[string, unknown]>([
    ['nothing', undefined], ['null', null], ['a text', 'schema'], ['a schema itself', schema], ['a function that is a schema', Object.assign(() => 1, schema)],
  ])('%s in place of schemas', (_what, schemas) => {
    expect(problemsOf(schemas, handler)).toEqual(["handle('pay'): must be given as { input: schema, output: schema }"]);
  });

  test.each<[string, unknown, RegExp]>([
    ['null', null, /has no '~standard'\.validate/],
    ['a text', 'schema', /has no '~standard'\.validate/],
    ['an object', {}, /has no '~standard'\.validate/],
    ['a JSON schema', { type: 'object' }, /has no '~standard'\.validate/],
    ['one without validate', { '~standard': { version: 1 } }, /has no '~standard'\.validate/],
    ['one whose validate is none', { '~standard': { version: 1, validate: true } }, /has no '~standard'\.validate/],
    ['one of a later version', { '~standard': { ...schema['~standard'], version: 2 } }, /that is not 1/],
    ['one that throws', { get '~standard'(): never { throw new Error('hostile'); } }, /cannot be read/],
  ])('a schema that is none: %s', (_what, value, text) => {
    for (const key of ['input', 'output']) expect(problemsOf({ [key]: value }, handler)).toEqual([expect.stringMatching(new RegExp(`^handle\\('pay'\\)\\.${key}: .*${text.source}`))]);
  });

  test('all that is wrong is told at once', () => {
    expect(problemsOf({ input: 1, output: 2, inputs: schema }, handler)).toEqual([
      expect.stringMatching(/^handle\('pay'\)\.inputs: is not an option/), expect.stringMatching(/^handle\('pay'\)\.input: /), expect.stringMatching(/^handle\('pay'\)\.output: /),
    ]);
    expect(problemsOf({}, handler)).toEqual([expect.stringMatching(/needs a schema/)]);
  });

  test.each([[[]], [[undefined]], [[{ input: schema }]], [[{ input: schema }, 'handler']]])('no handler: %p', (given) => {
    expect(thrown(() => givenHandler('pay', given, silentLogger))).toMatchObject({ reason: 'invalid_option', text: "the handler of 'pay' is not a function" });
  });
});
