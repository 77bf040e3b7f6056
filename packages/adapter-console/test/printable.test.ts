import { describe, expect, test } from '@jest/globals';
import { printable } from '../src/printable.js';

describe('printable', () => {
  test('makes JSON of what is none', () => {
    expect(printable({ a: 1n, b: NaN, c: Symbol('s'), d: () => 1, e: new Date(0), f: Buffer.from('abc'), g: null, h: undefined, i: new Date(NaN), j: true })).toEqual({
      a: '1', b: 'NaN', c: '[symbol]', d: '[function]', e: '1970-01-01T00:00:00.000Z', f: '[3 bytes]', g: null, h: undefined, i: 'Invalid Date', j: true,
    });
  });

  test('caps strings, names, lists, objects, depth and the whole, with marks', () => {
    expect(printable('x'.repeat(8_193))).toBe(`${'x'.repeat(8_192)}…[+1 chars]`);
    expect(Object.keys(printable({ ['n'.repeat(300)]: 1 }) as object)).toEqual([`${'n'.repeat(256)}…[+44 chars]`]);
    expect((printable(Array(150).fill(1)) as unknown[]).slice(99)).toEqual([1, '[50 more]']);
    expect(printable(Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`n${index}`, 1])))).toMatchObject({ n99: 1, '…': '[1 more]' });
    const branching: Record<string, unknown> = {};
    for (let index = 0; index < 100; index++) branching[`self${index}`] = branching;
    expect(JSON.stringify(printable(branching)).length).toBeLessThan(2_000_000);
    const nested = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;
    expect(JSON.stringify(printable(nested))).toBe(`${'['.repeat(8)}"[deep]"${']'.repeat(8)}`);
  });

  test('names of the prototype are names', () => {
    const copy = printable(JSON.parse('{"__proto__":{"polluted":true}}')) as object;
    expect(Object.keys(copy)).toEqual(['__proto__']);
    expect((copy as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
