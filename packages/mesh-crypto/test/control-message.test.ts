import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeControl, encodeControl, MAX_CONTROL_BYTES, type ControlMessage } from '../src/channel/control-message.js';
import { hex, thrown } from './support/vectors.js';

const publicKey = Buffer.alloc(32, 0xab);

test.each<[ControlMessage, string]>([
  [{ type: 'request' }, '01'],
  [{ type: 'init', epoch: 1, publicKey }, `0200000001${'ab'.repeat(32)}`],
  [{ type: 'response', epoch: 2 ** 32 - 1, publicKey }, `03ffffffff${'ab'.repeat(32)}`],
  [{ type: 'done' }, '04'],
])('%o has these bytes', (message, bytes) => {
  expect(encodeControl(message).toString('hex')).toBe(bytes);
  expect(decodeControl(hex(bytes))).toEqual(message);
  expect(bytes.length / 2).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
});

test('any bytes either are a message to the last one, or are refused', () => {
  const lengths = fc.constantFrom(0, 1, 2, 5, 36, 37, 38, 100);
  const bytes = lengths.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
  const typed = fc.tuple(fc.integer({ min: 0, max: 6 }), bytes).map(([type, rest]) => (rest.length === 0 ? rest : Uint8Array.of(type, ...rest.subarray(1))));
  let accepted = 0;
  fc.assert(
    fc.property(typed, (given) => {
      const isMessage = (given.length === 1 && [1, 4].includes(given[0]!)) || (given.length === 37 && [2, 3].includes(given[0]!));
      if (!isMessage) return void expect(thrown(() => decodeControl(Buffer.from(given)))).toMatchObject({ reason: 'protocol_violation' });
      accepted++;
      expect(encodeControl(decodeControl(Buffer.from(given))).equals(given)).toBe(true);
    }),
    { numRuns: 2000 },
  );
  expect(accepted).toBeGreaterThan(50);
});
