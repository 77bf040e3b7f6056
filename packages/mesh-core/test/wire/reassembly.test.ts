import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_RECORD_BYTES, MessageKind, RecordFlag } from '../../src/wire/message.js';
import { Packer } from '../../src/wire/packer.js';
import { FIRST_FRAGMENT_HEAD_BYTES, FRAGMENT_BYTES, Reassembly } from '../../src/wire/reassembly.js';
import { FakeConnection } from '../support/fake-connection.js';
import { channelPair } from '../support/plain-channels.js';
import { thrown } from '../support/wire.js';

const MIB = 1024 * 1024;
const { fragment, first, last } = RecordFlag;

function head(id: number, total?: number): Buffer {
  const bytes = Buffer.alloc(total === undefined ? 4 : FIRST_FRAGMENT_HEAD_BYTES);
  bytes.writeUInt32BE(id);
  if (total !== undefined) bytes.writeUInt32BE(total, 4);
  return bytes;
}

/** The fragments of a message as our own packer cuts them, opened. */
function fragmentsOf(payload: Buffer, id = 1): { flags: number; plaintext: Buffer }[] {
  const { initiator, responder } = channelPair();
  const connection = new FakeConnection();
  const packer = new Packer(initiator, connection, Infinity, (error) => { throw error; });
  packer.message(MessageKind.response, 2, id, payload);
  return connection.sent.map((record) => ({ flags: (record[0] as number) & 0xf0, plaintext: responder.open(record) }));
}

/** A fragment of full length. */
const full = (id: number, total?: number): Buffer => Buffer.concat([head(id, total), Buffer.alloc(FRAGMENT_BYTES, id)]);

describe('reassembly', () => {
  test('a message of any size from 256 KiB to 4 MiB arrives intact', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: MAX_RECORD_BYTES, max: 4 * MIB }), fc.integer({ min: -12, max: 12 }).map((off) => 2 * FRAGMENT_BYTES + off)), fc.integer({ min: 0, max: 255 }), (size, seed) => {
        const payload = Buffer.alloc(size);
        for (let at = 0; at < size; at += 997) payload[at] = at + seed;
        const reassembly = new Reassembly(5 * MIB, 16 * MIB);
        const fragments = fragmentsOf(payload, 7);
        fragments.forEach(({ flags, plaintext }, index) => {
          expect(plaintext.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
          const outcome = reassembly.add(flags, plaintext);
          expect(outcome.type).toBe(index === fragments.length - 1 ? 'message' : 'more');
          if (outcome.type === 'message') expect(outcome.message.subarray(10).equals(payload)).toBe(true);
        });
        expect(reassembly.reservedBytes).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  test('messages whose fragments alternate arrive each whole', () => {
    const reassembly = new Reassembly(4 * MIB, 16 * MIB);
    const total = 2 * FRAGMENT_BYTES + 5;
    for (const id of [1, 2, 3]) expect(reassembly.add(fragment | first, full(id, total)).type).toBe('more');
    for (const id of [3, 1, 2]) expect(reassembly.add(fragment, full(id)).type).toBe('more');
    expect(reassembly.reservedBytes).toBe(3 * total);
    for (const id of [2, 3, 1]) {
      const outcome = reassembly.add(fragment | last, Buffer.concat([head(id), Buffer.alloc(5, id)]));
      expect(outcome.type === 'message' && outcome.message.equals(Buffer.alloc(total, id))).toBe(true);
    }
    expect(reassembly.reservedBytes).toBe(0);
  });

  test.each<[string, [number, Buffer][]]>([
    ['shorter than its head', [[fragment, Buffer.alloc(3)]]],
    ['a first one shorter than its head', [[fragment | first, Buffer.alloc(7)]]],
    ['of no message', [[fragment, full(1)]]],
    ['of a message that is complete', [[fragment | first, full(1, FRAGMENT_BYTES + 1)], [fragment | last, Buffer.concat([head(1), Buffer.alloc(1)])], [fragment, full(1)]]],
    ['that begins a message twice', [[fragment | first, full(1, 3 * FRAGMENT_BYTES)], [fragment | first, full(1, 3 * FRAGMENT_BYTES)]]],
    ['first and last in one', [[fragment | first | last, full(1, FRAGMENT_BYTES)]]],
    ['a total that one fragment holds', [[fragment | first, full(1, FRAGMENT_BYTES)]]],
    ['a total that is less than what is there', [[fragment | first, full(1, 20)]]],
    ['a first one that is too small', [[fragment | first, Buffer.concat([head(1, MIB), Buffer.alloc(FRAGMENT_BYTES - 1)])]]],
    ['a middle one that is too small', [[fragment | first, full(1, 4 * FRAGMENT_BYTES)], [fragment, Buffer.concat([head(1), Buffer.alloc(100)])]]],
    ['an empty middle one', [[fragment | first, full(1, 4 * FRAGMENT_BYTES)], [fragment, head(1)]]],
    ['more than announced', [[fragment | first, full(1, FRAGMENT_BYTES + 5)], [fragment, full(1)]]],
    ['an end too early', [[fragment | first, full(1, 3 * FRAGMENT_BYTES)], [fragment | last, full(1)]]],
    ['all there, but no end', [[fragment | first, full(1, 2 * FRAGMENT_BYTES)], [fragment, full(1)]]],
  ])('ends the connection over a fragment %s', (_name, fragments) => {
    const reassembly = new Reassembly(4 * MIB, 16 * MIB);
    const finalOne = fragments.pop() as [number, Buffer];
    for (const [flags, plaintext] of fragments) reassembly.add(flags, plaintext);
    expect(thrown(() => reassembly.add(...finalOne))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('a message over the cap is said once, then thrown away without memory', () => {
    const reassembly = new Reassembly(MIB, 4 * MIB);
    const fragments = fragmentsOf(Buffer.alloc(2 * MIB), 9);
    const outcomes = fragments.map(({ flags, plaintext }) => reassembly.add(flags, plaintext));
    expect(outcomes[0]).toMatchObject({ type: 'too-large', total: 2 * MIB + 10 });
    expect(outcomes[0]?.type === 'too-large' && outcomes[0].header.readUInt32BE(2)).toBe(9);
    expect(outcomes.slice(1).every(({ type }) => type === 'more')).toBe(true);
    expect(reassembly.reservedBytes).toBe(0);
    // Its id is free again.
    expect(reassembly.add(fragment | first, full(1, FRAGMENT_BYTES + 1)).type).toBe('more');
  });

  test('all messages under way share one budget', () => {
    const reassembly = new Reassembly(4 * MIB, 16 * MIB);
    for (const id of [1, 2, 3, 4]) reassembly.add(fragment | first, full(id, 4 * MIB));
    expect(reassembly.reservedBytes).toBe(16 * MIB);
    expect(thrown(() => reassembly.add(fragment | first, full(5, FRAGMENT_BYTES + 1)))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('fragments without end: at most 64 messages are open, those thrown away included', () => {
    const reassembly = new Reassembly(MIB, Infinity);
    for (let id = 1; id <= 64; id++) reassembly.add(fragment | first, full(id, 0xffff_ffff));
    expect(thrown(() => reassembly.add(fragment | first, full(65, 0xffff_ffff)))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('clear() forgets everything', () => {
    const reassembly = new Reassembly(4 * MIB, 4 * MIB);
    reassembly.add(fragment | first, full(1, 4 * MIB));
    reassembly.clear();
    expect(reassembly.reservedBytes).toBe(0);
    expect(thrown(() => reassembly.add(fragment, full(1)))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('whatever is sent as a fragment, only protocol_violation is thrown', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 2 }), fc.nat(2 * MIB), fc.constantFrom(0, 5, FRAGMENT_BYTES)), { maxLength: 20 }), (steps) => {
        const reassembly = new Reassembly(MIB, 2 * MIB);
        try {
          for (const [bits, id, total, length] of steps) {
            const flags = fragment | ((bits & 1) === 0 ? 0 : first) | ((bits & 2) === 0 ? 0 : last);
            reassembly.add(flags, Buffer.concat([head(id, (bits & 1) === 0 ? undefined : total), Buffer.alloc(length)]));
            expect(reassembly.reservedBytes).toBeLessThanOrEqual(2 * MIB);
          }
        } catch (error) {
          expect(error).toMatchObject({ reason: 'protocol_violation' });
        }
      }),
      { numRuns: 200 },
    );
  });
});
