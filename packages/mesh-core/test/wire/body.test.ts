import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeBody, encodeBody, type Codec } from '../../src/wire/body.js';
import { BodyKind } from '../../src/wire/message.js';
import { thrown } from '../support/wire.js';

/** Encoded, put between other bytes as in a record, and decoded again. */
function roundTrip(value: unknown, codec?: Codec): unknown {
  const { kind, data } = encodeBody(value, codec);
  const bytes = data === undefined ? Buffer.alloc(0) : Buffer.from(data as string);
  const record = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')]);
  return decodeBody(kind, record, 6, 6 + bytes.length, codec);
}

const decodeText = (text: string): unknown => decodeBody(BodyKind.json, Buffer.from(text), 0, Buffer.byteLength(text), undefined);

describe('body', () => {
  test('any JSON value arrives as JSON would print it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        expect(roundTrip(value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 300 },
    );
  });

  test('any bytes arrive as they are, as bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        const result = roundTrip(bytes);
        expect(result).toBeInstanceOf(Uint8Array);
        expect(Buffer.from(result as Uint8Array).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  test('undefined is no body, and nothing else is', () => {
    expect(encodeBody(undefined, undefined)).toEqual({ kind: BodyKind.none, data: undefined });
    expect(roundTrip(undefined)).toBeUndefined();
    expect(roundTrip(null)).toBeNull();
    expect(thrown(() => decodeBody(BodyKind.none, Buffer.from('x'), 0, 1, undefined))).toMatchObject({ reason: 'body_invalid' });
  });

  test('small bytes do not keep the record they came in alive', () => {
    const record = Buffer.alloc(100_000, 7);
    const small = decodeBody(BodyKind.bytes, record, 10, 20, undefined) as Buffer;
    expect(small.buffer).not.toBe(record.buffer);
    const large = decodeBody(BodyKind.bytes, record, 10, 90_000, undefined) as Buffer;
    expect(large.buffer).toBe(record.buffer);
  });

  test.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a BigInt', 1n],
    ['a cycle', (() => { const cycle: Record<string, unknown> = {}; cycle['self'] = cycle; return cycle; })()],
    ['a toJSON that throws', { toJSON() { throw new Error('no'); } }],
    ['a toJSON that throws what cannot be printed', { toJSON() { throw Object.create(null) as Error; } }],
  ])('%s is body_invalid, before anything was sent', (_name, value) => {
    expect(thrown(() => encodeBody(value, undefined))).toMatchObject({ reason: 'body_invalid', code: 'INVALID_ARGUMENT', mayHaveRun: false });
  });

  test('JSON 100,000 levels deep is refused', () => {
    for (const bomb of ['['.repeat(100_000) + ']'.repeat(100_000), '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000), '['.repeat(100_000)]) {
      expect(thrown(() => decodeText(bomb))).toMatchObject({ reason: 'body_invalid' });
    }
  });

  test('500 levels pass, 501 do not, and brackets in strings are no levels', () => {
    const nested = (levels: number): string => `${'['.repeat(levels)}"${'x'.repeat(600)}"${']'.repeat(levels)}`;
    expect(decodeText(nested(500))).toBeDefined();
    expect(thrown(() => decodeText(nested(501)))).toMatchObject({ reason: 'body_invalid' });
    expect(decodeText(JSON.stringify('[{'.repeat(5_000)))).toBe('[{'.repeat(5_000));
    expect(decodeText(JSON.stringify('\\"[\\'.repeat(5_000)))).toBe('\\"[\\'.repeat(5_000));
  });

  test('a depth is found wherever strings, escapes and brackets stand', () => {
    const leaf = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('"', '\\', '\\"', '[', '{', '}', ']', '\\\\'));
    fc.assert(
      fc.property(leaf, fc.integer({ min: 495, max: 505 }), fc.boolean(), (text, levels, objects) => {
        let value: unknown = text.padEnd(600, ' ');
        for (let i = 0; i < levels; i++) value = objects ? { [text]: value } : [text, value];
        const json = JSON.stringify(value);
        if (levels <= 500) expect(decodeText(json)).toEqual(value);
        else expect(thrown(() => decodeText(json))).toMatchObject({ reason: 'body_invalid' });
      }),
      { numRuns: 60 },
    );
  });

  test('whatever bytes come as JSON, only body_invalid is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 3 }), (bytes, kind) => {
        const buffer = Buffer.from(bytes);
        try {
          decodeBody(kind, buffer, 0, buffer.length, undefined);
        } catch (error) {
          expect(error).toMatchObject({ name: 'MeshError', reason: 'body_invalid' });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a codec carries everything but undefined and bytes', () => {
    const codec: Codec = { encode: (value) => Buffer.from(`<${JSON.stringify(value)}>`), decode: (bytes) => JSON.parse(Buffer.from(bytes).toString().slice(1, -1)) as unknown };
    expect(encodeBody({ a: 1 }, codec).kind).toBe(BodyKind.codec);
    expect(roundTrip({ a: 1 }, codec)).toEqual({ a: 1 });
    expect(encodeBody(Buffer.from('x'), codec).kind).toBe(BodyKind.bytes);
    expect(encodeBody(undefined, codec).kind).toBe(BodyKind.none);
    expect(roundTrip([1], { ...codec })).toEqual([1]);
  });

  test.each([[7], ['text'], [null], [[1]]])('regression: a codec that gives %j instead of bytes is body_invalid', (data) => {
    expect(thrown(() => encodeBody(1, { encode: () => data as unknown as Uint8Array, decode: () => 1 }))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
  });

  test('a codec that fails, or is missing, is body_invalid', () => {
    const failing: Codec = { encode: () => { throw new Error('enc'); }, decode: () => { throw new Error('dec'); } };
    expect(thrown(() => encodeBody(1, failing))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
    expect(thrown(() => decodeBody(BodyKind.codec, Buffer.from('x'), 0, 1, failing))).toMatchObject({ reason: 'body_invalid' });
    expect(thrown(() => decodeBody(BodyKind.codec, Buffer.from('x'), 0, 1, undefined))).toMatchObject({ reason: 'body_invalid' });
  });

  test('a key __proto__ changes no prototype', () => {
    const decoded = decodeText('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
