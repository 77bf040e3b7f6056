import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MeshError, type CallMetadata } from '@lemur-bookstores/mesh-interface';
import { FLAG_METADATA, FLAG_TRACE, MAX_METADATA_BYTES } from '../../src/wire/message.js';
import { decodeRequestHead, encodeMethod, encodeRequestExtras, type RequestHead } from '../../src/wire/request.js';
import { thrown } from '../support/wire.js';

const trace = { traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef' };

/** The head as the packer lays it out, between other bytes. */
function encoded(method: string, timeoutMs: number, metadata?: CallMetadata, withTrace?: typeof trace): { flags: number; bytes: Buffer } {
  const timeout = Buffer.alloc(4);
  timeout.writeUInt32BE(timeoutMs);
  const { flags, bytes } = encodeRequestExtras(metadata, withTrace);
  return { flags, bytes: Buffer.concat([timeout, encodeMethod(method), bytes ?? Buffer.alloc(0)]) };
}

function decode(flags: number, head: Buffer, body = Buffer.from('body')): RequestHead {
  const buffer = Buffer.concat([Buffer.from('before'), head, body, Buffer.from('behind')]);
  return decodeRequestHead(flags, buffer, 6, 6 + head.length + body.length);
}

describe('request head', () => {
  test('method, time, metadata and trace arrive, and the body begins behind them', () => {
    const { flags, bytes } = encoded('größe', 1_234, { tenant: 'a', 'x-y': 'ü' }, trace);
    expect(flags).toBe(FLAG_METADATA | FLAG_TRACE);
    expect(decode(flags, bytes)).toEqual({ timeoutMs: 1_234, method: 'größe', metadata: { tenant: 'a', 'x-y': 'ü' }, trace, bodyStart: 6 + bytes.length });
  });

  test('any head arrives as it was', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((method) => Buffer.byteLength(method) <= 255 && Buffer.from(method).toString() === method),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.option(fc.dictionary(fc.string(), text.map((value) => Buffer.from(value).toString())), { nil: undefined }),
        fc.boolean(),
        (method, timeoutMs, metadata, traced) => {
          const { flags, bytes } = encoded(method, timeoutMs, metadata, traced ? trace : undefined);
          const head = decode(flags, bytes);
          expect(head).toMatchObject({ timeoutMs, method, trace: traced ? trace : undefined, bodyStart: 6 + bytes.length });
          expect(Object.entries(head.metadata)).toEqual(Object.entries(JSON.parse(JSON.stringify(metadata ?? {})) as CallMetadata));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('method names have 1 to 255 bytes', () => {
    expect(encodeMethod('é'.repeat(127)).length).toBe(255);
    expect(encodeMethod('x'.repeat(255)).length).toBe(256);
    for (const name of ['', 'x'.repeat(256), 'é'.repeat(128)]) expect(thrown(() => encodeMethod(name))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
  });

  test('metadata values are text, 8 KiB together', () => {
    expect(thrown(() => encodeRequestExtras({ a: 1 } as unknown as CallMetadata, undefined))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
    const overhead = JSON.stringify({ a: '' }).length;
    expect(encodeRequestExtras({ a: 'x'.repeat(MAX_METADATA_BYTES - overhead) }, undefined).flags).toBe(FLAG_METADATA);
    expect(thrown(() => encodeRequestExtras({ a: 'x'.repeat(MAX_METADATA_BYTES - overhead + 1) }, undefined))).toMatchObject({ reason: 'body_too_large', mayHaveRun: false });
  });

  test.each([[{ ...trace, traceId: 'xyz' }], [{ ...trace, spanId: trace.spanId.toUpperCase() }], [{ ...trace, spanId: `${trace.spanId}00` }]])('a trace that is none is refused: %j', (bad) => {
    expect(thrown(() => encodeRequestExtras(undefined, bad))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
  });

  test.each([
    ['an array', '["a"]'],
    ['null', 'null'],
    ['text', '"a"'],
    ['not JSON', '{'],
    ['a nested value', '{"a":{}}'],
    ['a number', '{"a":1}'],
  ])('metadata that is %s is body_invalid: the connection lives on', (_name, json) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(json.length);
    const head = Buffer.concat([encoded('m', 1).bytes, length, Buffer.from(json)]);
    expect(thrown(() => decode(FLAG_METADATA, head))).toMatchObject({ reason: 'body_invalid' });
  });

  test('metadata of a peer is looked up without a prototype', () => {
    const json = '{"__proto__":"x","constructor":"y"}';
    const length = Buffer.alloc(2);
    length.writeUInt16BE(json.length);
    const { metadata } = decode(FLAG_METADATA, Buffer.concat([encoded('m', 1).bytes, length, Buffer.from(json)]));
    expect(Object.getPrototypeOf(metadata)).toBeNull();
    expect(metadata['__proto__']).toBe('x');
    expect(metadata['toString']).toBeUndefined();
    expect(Object.isFrozen(metadata)).toBe(true);
  });

  test('regression: no metadata has no prototype either', () => {
    const { flags, bytes } = encoded('m', 1);
    expect(decode(flags, bytes).metadata['constructor']).toBeUndefined();
  });

  test.each([
    ['too short', Buffer.alloc(5), 0],
    ['no method', Buffer.from([0, 0, 0, 1, 0, 65]), 0],
    ['a method beyond the end', Buffer.from([0, 0, 0, 1, 9, 65]), 0],
    ['no room for the metadata length', Buffer.from([0, 0, 0, 1, 1, 65, 0]), FLAG_METADATA],
    ['metadata beyond the end', Buffer.from([0, 0, 0, 1, 1, 65, 0, 9]), FLAG_METADATA],
    ['metadata over the cap', Buffer.concat([Buffer.from([0, 0, 0, 1, 1, 65, 0x20, 1]), Buffer.alloc(9_000)]), FLAG_METADATA],
    ['no room for the trace', Buffer.concat([Buffer.from([0, 0, 0, 1, 1, 65]), Buffer.alloc(23)]), FLAG_TRACE],
  ])('lengths that do not fit end the connection: %s', (_name, head, flags) => {
    expect(thrown(() => decodeRequestHead(flags, head, 0, head.length))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('never reads beyond the end of its message, whatever the bytes: only MeshErrors', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.integer({ min: 0, max: 255 }), (bytes, flags) => {
        const buffer = Buffer.concat([Buffer.from(bytes), Buffer.alloc(300, 0x41)]);
        try {
          const head = decodeRequestHead(flags, buffer, 0, bytes.length);
          expect(head.bodyStart).toBeLessThanOrEqual(bytes.length);
          expect(head.method.length).toBeGreaterThan(0);
        } catch (error) {
          expect(MeshError.is(error)).toBe(true);
          expect(['protocol_violation', 'body_invalid']).toContain((error as MeshError).reason);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
