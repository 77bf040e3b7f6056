import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '../src/mesh-error.js';
import { MESH_ERROR_CODES, REASONS } from '../src/reasons.js';

/** Another installed copy of the package: the built module once more, under a URL of its own. */
const installCopy = (copy: number): Promise<typeof import('../src/mesh-error.js')> =>
  import(`../dist/mesh-error.js?copy=${copy}`) as Promise<typeof import('../src/mesh-error.js')>;

describe('code and message', () => {
  test('the code follows from the reason, and an option overrides it', () => {
    expect(new MeshError('unknown_service', 'x').code).toBe('NOT_FOUND');
    expect(new MeshError('unknown_service', 'x', { code: 'UNAVAILABLE' }).code).toBe('UNAVAILABLE');
  });

  test("a handler's own reason is UNKNOWN unless it names a code", () => {
    expect(new MeshError('out_of_stock', 'x').code).toBe('UNKNOWN');
    expect(new MeshError('out_of_stock', 'x', { code: 'ABORTED' }).code).toBe('ABORTED');
  });

  test.each(['constructor', '__proto__', 'toString'])('a reason %s finds nothing in the table', (reason) => {
    expect(new MeshError(reason, 'x').code).toBe('UNKNOWN');
  });

  test('the message begins with the reason, text is what follows', () => {
    const error = new MeshError('port_in_use', 'choose another');
    expect(error.message).toBe('port_in_use: choose another');
    expect(error.text).toBe('choose another');
    expect(String(error)).toBe('MeshError: port_in_use: choose another');
  });

  test('text is the whole message where somebody replaced it', () => {
    const error = new MeshError('port_in_use', 'x');
    error.message = 'replaced';
    expect(error.text).toBe('replaced');
  });

  test('every code of the table is a canonical one', () => {
    for (const code of Object.values(REASONS)) expect(MESH_ERROR_CODES).toContain(code);
  });
});

describe('retryable', () => {
  test.each(MESH_ERROR_CODES)('by code: %s', (code) => {
    expect(new MeshError('x', 'x', { code }).retryable).toBe(['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED'].includes(code));
  });

  test('an option overrides it either way', () => {
    expect(new MeshError('body_too_large', 'x', { retryable: false }).retryable).toBe(false);
    expect(new MeshError('body_invalid', 'x', { retryable: true }).retryable).toBe(true);
  });
});

describe('toJSON', () => {
  test('leaves out what is not there', () => {
    expect(new MeshError('cancelled', 'gone').toJSON()).toEqual({ code: 'CANCELLED', reason: 'cancelled', message: 'gone' });
  });

  test('has everything but cause and stack', () => {
    const shown = { details: { a: 1 }, retryAfterMs: 5, mayHaveRun: false };
    const text = JSON.stringify(new MeshError('queue_full', 'wait', { cause: new Error('inner secret'), ...shown }));
    expect(JSON.parse(text)).toEqual({ code: 'RESOURCE_EXHAUSTED', reason: 'queue_full', message: 'wait', ...shown });
    expect(text).not.toContain('inner secret');
  });

  test('the cause stays for who debugs in this process', () => {
    const cause = new Error('inner');
    expect(new MeshError('unexpected', 'x', { cause }).cause).toBe(cause);
    expect('cause' in new MeshError('unexpected', 'x')).toBe(false);
  });
});

describe('is', () => {
  test('its own kind, and no look-alikes', () => {
    expect(MeshError.is(new MeshError('cancelled', 'x'))).toBe(true);
    const lookAlike = { name: 'MeshError', code: 'CANCELLED', reason: 'cancelled', message: 'x' };
    for (const other of [undefined, null, 'MeshError', 7, new Error('x'), lookAlike, () => undefined]) {
      expect(MeshError.is(other)).toBe(false);
    }
  });

  test('one made by another installed copy', async () => {
    const [first, second] = await Promise.all([installCopy(1), installCopy(2)]);
    const foreign = new first.MeshError('unknown_service', 'nobody', { retryAfterMs: 9 });
    expect(foreign).not.toBeInstanceOf(second.MeshError);
    expect(foreign).not.toBeInstanceOf(MeshError);
    expect(second.MeshError.is(foreign)).toBe(true);
    expect(MeshError.is(foreign)).toBe(true);
    expect(MeshError.from(foreign)).toBe(foreign);
  });

  test('neither JSON nor the console shows the brand', () => {
    const error = new MeshError('cancelled', 'x');
    expect(inspect(error)).not.toContain('Symbol(');
    expect(Object.getOwnPropertySymbols({ ...error })).toEqual([]);
  });
});

describe('from', () => {
  test('wraps an Error as its cause', () => {
    const cause = new TypeError('boom');
    const error = MeshError.from(cause);
    expect(error).toMatchObject({ reason: 'unexpected', code: 'UNKNOWN', text: 'boom', cause });
  });

  test('takes the reason given', () => {
    expect(MeshError.from(new Error('x'), 'adapter_failed').code).toBe('UNAVAILABLE');
  });

  test.each([
    ['a text', 'plain', 'plain'],
    ['nothing', undefined, 'undefined'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a bigint', 7n, '7'],
  ])('takes %s', (_what, thrown, text) => {
    expect(MeshError.from(thrown).text).toBe(text);
  });

  test.each([
    ['without a prototype', Object.create(null) as object],
    ['whose toString throws', { toString: () => { throw new Error('no'); } }],
    ['an Error whose message throws', Object.defineProperty(new Error('x'), 'message', { get: () => { throw new Error('no'); } })],
  ])('regression: an object %s must not make it throw', (_what, thrown) => {
    const error = MeshError.from(thrown);
    expect(error.reason).toBe('unexpected');
    expect(Object.is(error.cause, thrown)).toBe(true);
  });
});
