import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { decodeErrorReply, encodeErrorReply } from '../../src/wire/error-reply.js';

const roundTrip = (error: unknown): MeshError => decodeErrorReply(encodeErrorReply(error), false);

describe('error reply', () => {
  test('of a MeshError travel code, reason, message, retryAfterMs and details, never its cause', () => {
    const error = new MeshError('stock_empty', 'none left', { code: 'FAILED_PRECONDITION', retryAfterMs: 250, details: { item: 7 }, cause: new Error('secret path /etc') });
    expect(encodeErrorReply(error)).not.toContain('secret');
    expect(roundTrip(error)).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'stock_empty', text: 'none left', retryAfterMs: 250, details: { item: 7 }, mayHaveRun: true });
  });

  test.each([['an Error', new Error('secret')], ['a string', 'secret'], ['undefined', undefined], ['null', null], ['nothing printable', Object.create(null)]])(
    '%s is INTERNAL without detail',
    (_name, error) => {
      expect(encodeErrorReply(error)).not.toContain('secret');
      expect(roundTrip(error)).toMatchObject({ code: 'INTERNAL', reason: 'handler_failed', text: 'the handler failed' });
    },
  );

  test('notRun becomes the proof that it has not run', () => {
    expect(decodeErrorReply(encodeErrorReply(new MeshError('unknown_method', 'no')), true)).toMatchObject({ code: 'UNIMPLEMENTED', mayHaveRun: false });
  });

  test('details travel up to 4 KiB, counted in bytes', () => {
    const fits = 'é'.repeat(2_047);
    expect(roundTrip(new MeshError('x', 'm', { details: fits })).details).toBe(fits);
    expect(roundTrip(new MeshError('x', 'm', { details: `${fits}é` }))).toMatchObject({ reason: 'x', text: 'm', details: undefined });
  });

  test.each([
    ['a cycle', (() => { const cycle: Record<string, unknown> = {}; cycle['self'] = cycle; return cycle; })()],
    ['a BigInt', { big: 1n }],
    ['a function', () => 1],
    ['a toJSON that throws', { toJSON() { throw new Error('no'); } }],
  ])('details that are %s are left out', (_name, details) => {
    expect(roundTrip(new MeshError('x', 'm', { details }))).toMatchObject({ reason: 'x', text: 'm', details: undefined });
  });

  test('an error of another version of the library is sent as far as it goes', () => {
    const alien = { [Symbol.for('@lemur-bookstores/mesh-error')]: true, code: 7, reason: {}, message: 'from afar' };
    expect(roundTrip(alien)).toMatchObject({ code: 'UNKNOWN', reason: 'unexpected', text: 'from afar' });
  });

  test('a long message is cut', () => {
    expect(roundTrip(new MeshError('x', 'é'.repeat(5_000))).text).toBe('é'.repeat(1_024));
    expect(roundTrip(new MeshError('x', '\u0001'.repeat(5_000), { details: 'x'.repeat(4_000) }))).toMatchObject({ text: '\u0001'.repeat(1_024), details: 'x'.repeat(4_000) });
  });

  test.each([
    ['not JSON', 'boom'],
    ['empty', ''],
    ['null', 'null'],
    ['an array', '[1]'],
    ['a number', '7'],
    ['nothing in it', '{}'],
    ['an unknown code', '{"code":"HACKED","reason":"No Such Thing!","message":7,"retryAfterMs":"soon"}'],
    ['a negative wait', '{"retryAfterMs":-1}'],
    ['__proto__', '{"__proto__":{"code":"OK"},"constructor":1}'],
  ])('a hostile reply (%s) becomes UNKNOWN', (_name, text) => {
    expect(decodeErrorReply(text, false)).toMatchObject({ code: 'UNKNOWN', reason: 'unexpected', retryAfterMs: undefined });
  });

  test('OK is no code of an error', () => {
    expect(decodeErrorReply('{"code":"OK","reason":"ok","message":"fine"}', false).code).toBe('UNKNOWN');
  });

  test('regression: what a peer nests deep in its details can still be printed here', () => {
    const error = decodeErrorReply(`{"code":"INTERNAL","reason":"deep","message":"m","details":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, false);
    expect(() => JSON.stringify(error)).not.toThrow();
  });

  test('details over 4 KiB are dropped on arrival, too', () => {
    const reply = (length: number): string => JSON.stringify({ code: 'INTERNAL', reason: 'big', message: 'm', details: 'x'.repeat(length) });
    expect(decodeErrorReply(reply(4_094), false).details).toHaveLength(4_094);
    expect(decodeErrorReply(reply(4_095), false)).toMatchObject({ code: 'INTERNAL', reason: 'big', text: 'm', details: undefined });
    expect(decodeErrorReply(reply(100_000), false)).toMatchObject({ code: 'UNKNOWN', details: undefined });
  });

  test('whatever comes, the result is a MeshError that can be printed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json({ maxDepth: 4 }), fc.record({ code: fc.jsonValue(), reason: fc.jsonValue(), message: fc.jsonValue(), retryAfterMs: fc.jsonValue(), details: fc.jsonValue() }).map((value) => JSON.stringify(value))), (text) => {
        const error = decodeErrorReply(text, false);
        expect(MeshError.is(error)).toBe(true);
        expect(typeof JSON.stringify(error)).toBe('string');
        expect(error.message.length).toBeLessThanOrEqual(64 + 2 + 1_024);
      }),
      { numRuns: 500 },
    );
  });
});
