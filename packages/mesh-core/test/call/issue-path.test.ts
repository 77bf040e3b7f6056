import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { issuePath } from '../../src/call/issue-path.js';

describe('the path of an issue', () => {
  test.each<[unknown, string]>([
    [['items', 0, 'price'], 'items[0].price'],
    [[{ key: 'items' }, { key: 0 }, { key: 'price', value: 'never shown' }], 'items[0].price'],
    [[0], '[0]'],
    [['a key', 'b'], '["a key"].b'],
    [['a.b'], '["a.b"]'],
    [['0'], '["0"]'],
    [[''], '[""]'],
    [['__proto__', 'constructor'], '__proto__.constructor'],
    [[Symbol('mark')], '[Symbol(mark)]'],
    [['größe'], '["größe"]'],
    [['a"]\n\u009b'], '["a\\"]\\n\\u009b"]'],
    [[], ''],
    [undefined, ''],
    ['items', ''],
    [[undefined, null, {}, { key: {} }, true], '[?][?][?][?][?]'],
  ])('%p', (path, text) => {
    expect(issuePath(path)).toBe(text);
  });

  /** What a text that {@link issuePath} made says. */
  function parsed(text: string): (string | number)[] {
    const keys: (string | number)[] = [];
    for (const [, name, number, quoted] of text.matchAll(/\.?([A-Za-z_$][A-Za-z0-9_$]*)|\[(-?[\d.e+-]+)\]|\[("(?:[^"\\]|\\.)*")\]/gy)) {
      keys.push(name ?? (quoted === undefined ? Number(number) : (JSON.parse(quoted) as string)));
    }
    return keys;
  }

  const key = fc.oneof(fc.string({ maxLength: 12, unit: 'binary' }), fc.nat(), fc.constantFrom('__proto__', 'a.b', '[0]', '"', '\\', 'ok'));

  test('tells every path from every other', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(key, key.map((inner) => ({ key: inner }))), { maxLength: 4 }), (path) => {
        expect(parsed(issuePath(path))).toEqual(path.map((segment) => (typeof segment === 'object' ? segment.key : segment)));
      }),
    );
  });

  test('is short, prints on one line, and whatever is in it does not throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.anything({ maxDepth: 1 }), { maxLength: 40 }), fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { maxLength: 40 }), fc.anything({ maxDepth: 1 })), (path) => {
        const text = issuePath(path);
        expect(text.length).toBeLessThanOrEqual(201);
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
    expect(issuePath(['a'.repeat(10_000)])).toHaveLength(201);
    expect(issuePath(new Array(10_000).fill('a'))).toBe(`a${'.a'.repeat(31)}…`);
  });
});
