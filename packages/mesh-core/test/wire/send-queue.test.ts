import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HEADER_BYTES, MAX_RECORD_BYTES, MessageKind, writeHeader } from '../../src/wire/message.js';
import { OutgoingMessage } from '../../src/wire/outgoing-message.js';
import { Reassembly } from '../../src/wire/reassembly.js';
import { SendQueue } from '../../src/wire/send-queue.js';
import { parseMessages } from '../support/wire.js';

const MIB = 1024 * 1024;

function outgoing(id: number, length: number): OutgoingMessage {
  const head = Buffer.alloc(HEADER_BYTES);
  writeHeader(head, 0, MessageKind.request, 0, id, length);
  return new OutgoingMessage(id, head, Buffer.alloc(length, id), id);
}

/** What comes out of a queue until it is empty, record by record, as a peer with the default caps sees it. */
function drained(queue: SendQueue): number[][] {
  const reassembly = new Reassembly(4 * MIB + 64, 16 * MIB);
  const records: number[][] = [];
  while (!queue.isEmpty) {
    const { flags, parts } = queue.next();
    const plaintext = Buffer.concat(parts);
    expect(plaintext.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    if (flags === 0) records.push(parseMessages(plaintext).map(({ id }) => id));
    else {
      const outcome = reassembly.add(flags, plaintext);
      records.push(outcome.type === 'message' ? parseMessages(outcome.message).map(({ id }) => id) : []);
    }
  }
  expect(queue.bytes).toBe(0);
  return records;
}

describe('send queue', () => {
  test('small messages go out together, 16 a record, in order', () => {
    const queue = new SendQueue();
    for (let id = 1; id <= 20; id++) queue.add(outgoing(id, 10));
    expect(queue.bytes).toBe(20 * (10 + HEADER_BYTES + 256));
    expect(drained(queue)).toEqual([Array.from({ length: 16 }, (_, index) => index + 1), [17, 18, 19, 20]]);
  });

  test('a small message does not wait for a large one in front of it', () => {
    const queue = new SendQueue();
    queue.add(outgoing(1, 4 * MIB));
    queue.add(outgoing(2, 10));
    const records = drained(queue);
    expect(records.findIndex((ids) => ids.includes(2))).toBeLessThanOrEqual(1);
    expect(records.at(-1)).toEqual([1]);
  });

  test('nor one that comes while a large one is on its way', () => {
    const queue = new SendQueue();
    queue.add(outgoing(1, 4 * MIB));
    for (let id = 2; id <= 6; id++) {
      queue.next();
      queue.next();
      queue.add(outgoing(id, 10));
      const records = [queue.next(), queue.next()].filter(({ flags }) => flags === 0);
      expect(records.flatMap(({ parts }) => parseMessages(Buffer.concat(parts))).map((message) => message.id)).toEqual([id]);
    }
  });

  test('nor does a large one starve behind small ones', () => {
    const queue = new SendQueue();
    queue.add(outgoing(1, MIB));
    for (let id = 2; id <= 500; id++) queue.add(outgoing(id, 10));
    const records = drained(queue);
    expect(records.findIndex((ids) => ids.includes(1))).toBeLessThan(12);
  });

  test.each([[8, 4 * MIB], [100, 300 * 1024]])('regression: %d large messages at once stay within the caps of a peer that has the defaults', (count, length) => {
    const queue = new SendQueue();
    for (let id = 1; id <= count; id++) queue.add(outgoing(id, length));
    expect(drained(queue).flat().sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  test('takeBack takes out what is not begun, begun() finds what is', () => {
    const queue = new SendQueue();
    for (const [id, length] of [[1, 10], [2, MIB], [3, MIB], [4, 10]] as const) queue.add(outgoing(id, length));
    expect([queue.takeBack(3), queue.takeBack(4), queue.takeBack(9)]).toEqual([true, true, false]);
    expect(queue.begun(2)).toBeUndefined();
    queue.next();
    queue.next();
    expect(queue.begun(2)?.id).toBe(2);
    expect(queue.takeBack(2)).toBe(false);
    let last: number | undefined;
    while (!queue.isEmpty) last = queue.next().ended?.id;
    expect([last, queue.begun(2)]).toEqual([2, undefined]);
  });

  test('clear() empties it', () => {
    const queue = new SendQueue();
    queue.add(outgoing(1, 10));
    queue.add(outgoing(2, MIB));
    queue.clear();
    expect([queue.isEmpty, queue.bytes]).toEqual([true, 0]);
  });

  test('whatever is added and taken back, the rest comes out once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('add', 'add', 'add', 'take', 'next'), fc.oneof(fc.nat(200), fc.integer({ min: 250_000, max: 700_000 })), fc.nat(8)), { maxLength: 40 }), (steps) => {
        const queue = new SendQueue();
        const reassembly = new Reassembly(4 * MIB, 16 * MIB);
        const expected = new Set<number>();
        const seen: number[] = [];
        let id = 0;
        const next = (): void => {
          const { flags, parts } = queue.next();
          const plaintext = Buffer.concat(parts);
          const outcome = flags === 0 ? undefined : reassembly.add(flags, plaintext);
          if (outcome === undefined) seen.push(...parseMessages(plaintext).map((message) => message.id));
          else if (outcome.type === 'message') seen.push(...parseMessages(outcome.message).map((message) => message.id));
        };
        for (const [what, length, back] of steps) {
          if (what === 'add') {
            queue.add(outgoing(++id, length));
            expected.add(id);
          } else if (what === 'take') {
            if (queue.takeBack(id - back)) expected.delete(id - back);
          } else if (!queue.isEmpty) next();
        }
        while (!queue.isEmpty) next();
        expect(seen.sort((a, b) => a - b)).toEqual([...expected]);
        expect(queue.bytes).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
