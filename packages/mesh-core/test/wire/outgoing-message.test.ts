import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_RECORD_BYTES, RecordFlag } from '../../src/wire/message.js';
import { OutgoingMessage } from '../../src/wire/outgoing-message.js';

describe('outgoing message', () => {
  test('any head and body come out whole, in records of at most 256 KiB, first and last marked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 9_000 }), fc.integer({ min: 0, max: 3 * MAX_RECORD_BYTES }), (headBytes, bodyBytes) => {
        const message = new OutgoingMessage(1, Buffer.alloc(headBytes, 1), Buffer.alloc(bodyBytes, 2), 7);
        const fragmented = message.needsFragments;
        expect(fragmented).toBe(headBytes + bodyBytes > MAX_RECORD_BYTES);
        const content: Uint8Array[] = [];
        for (let first = true; !message.done; first = false) {
          expect(message.begun).toBe(!first);
          const { flags, parts } = message.next();
          const record = Buffer.concat(parts);
          expect(record.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
          if (fragmented) {
            expect(record.readUInt32BE(0)).toBe(7);
            expect(flags).toBe(RecordFlag.fragment | (first ? RecordFlag.first : 0) | (message.done ? RecordFlag.last : 0));
            if (first) expect(record.readUInt32BE(4)).toBe(headBytes + bodyBytes);
          } else expect(flags).toBe(0);
          content.push(fragmented ? record.subarray(first ? 8 : 4) : record);
        }
        expect(Buffer.concat(content).equals(Buffer.concat([Buffer.alloc(headBytes, 1), Buffer.alloc(bodyBytes, 2)]))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('own() keeps what was written where it was', () => {
    const bytes = Buffer.alloc(2 * MAX_RECORD_BYTES, 3);
    const message = new OutgoingMessage(1, Buffer.alloc(10), bytes, 1);
    const before = message.next().parts.reduce((sum, { length }) => sum + length, -8);
    message.own();
    bytes.fill(0);
    let rest = 0;
    while (!message.done) {
      const body = Buffer.concat(message.next().parts.slice(1));
      expect(body.every((byte) => byte === 3)).toBe(true);
      rest += body.length;
    }
    expect(before + rest).toBe(10 + 2 * MAX_RECORD_BYTES);
  });
});
