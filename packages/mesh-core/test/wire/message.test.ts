import { describe, expect, test } from '@jest/globals';
import { FLAG_METADATA, FLAG_NOT_RUN, FLAG_TRACE, HEADER_BYTES, isWellFormed, MessageKind, writeHeader } from '../../src/wire/message.js';

describe('message', () => {
  test('the header is kind, flags, id and length, big-endian, where it was asked for', () => {
    const target = Buffer.alloc(HEADER_BYTES + 3, 0xee);
    expect(writeHeader(target, 2, MessageKind.response, 0x55, 0x01020304, 0x05060708)).toBe(2 + HEADER_BYTES);
    expect(target.toString('hex')).toBe('eeee' + '0255' + '01020304' + '05060708' + 'ee');
  });

  test('each kind may have its own flags alone', () => {
    const allowed = new Map<number, number>([
      [MessageKind.request, 0x03 | FLAG_METADATA | FLAG_TRACE],
      [MessageKind.response, 0x03],
      [MessageKind.error, FLAG_NOT_RUN],
      ...[MessageKind.cancel, MessageKind.ping, MessageKind.pong, MessageKind.goAway, MessageKind.close, MessageKind.welcome].map((kind): [number, number] => [kind, 0]),
    ]);
    const wrong: [number, number][] = [];
    for (let kind = 0; kind <= 255; kind++) {
      for (let flags = 0; flags <= 255; flags++) {
        const fits = allowed.has(kind) && (flags & ~(allowed.get(kind) as number)) === 0;
        if (isWellFormed(kind, flags, 0) !== fits) wrong.push([kind, flags]);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('control messages have no payload', () => {
    const withPayload = Object.entries(MessageKind).filter(([, kind]) => isWellFormed(kind, 0, 1)).map(([name]) => name);
    expect(withPayload).toEqual(['request', 'response', 'error']);
  });
});
