import { describe, expect, test } from '@jest/globals';
import { Handlers, RESERVED_METHODS } from '../../src/call/handlers.js';
import { thrown } from '../support/wire.js';

const handler = (): number => 1;

describe('handlers', () => {
  test('a method has one handler', () => {
    const handlers = new Handlers();
    handlers.add('m', handler);
    expect(handlers.get('m')).toBe(handler);
    expect(thrown(() => handlers.add('m', handler))).toMatchObject({ reason: 'duplicate_handler', code: 'ALREADY_EXISTS' });
  });

  test('what nobody registered is not there, whatever objects inherit', () => {
    const handlers = new Handlers();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'size', '']) expect(handlers.get(name)).toBeUndefined();
  });

  test('such names may be registered like any other', () => {
    const handlers = new Handlers();
    handlers.add('__proto__', handler);
    expect(handlers.get('__proto__')).toBe(handler);
    expect(({} as Record<string, unknown>)['handler']).toBeUndefined();
  });

  test.each([...RESERVED_METHODS])('%s is answered by the mesh itself', (name) => {
    expect(thrown(() => new Handlers().add(name, handler))).toMatchObject({ reason: 'reserved_name' });
  });

  test.each([[''], ['x'.repeat(256)], ['é'.repeat(128)], [7], [undefined]])('%j is no name', (name) => {
    expect(thrown(() => new Handlers().add(name as string, handler))).toMatchObject({ reason: 'invalid_option', code: 'INVALID_ARGUMENT' });
  });

  test('a handler is a function', () => {
    expect(thrown(() => new Handlers().add('m', {} as never))).toMatchObject({ reason: 'invalid_option' });
  });
});
