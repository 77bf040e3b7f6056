import { describe, expect, test } from '@jest/globals';
import { MessageReader } from '../src/message-reader.js';
import { wireName } from './support/messages.js';

const readerAt = (offset: number, ...parts: (Buffer | number[])[]): MessageReader => {
  const reader = new MessageReader(Buffer.concat(parts.map((part) => Buffer.from(part))));
  reader.moveTo(offset);
  return reader;
};

describe('names in messages', () => {
  test('plain, in upper case, and the root', () => {
    const reader = readerAt(0, wireName('Orders.Test'), wireName(''));
    expect([reader.name(), reader.name()]).toEqual(['orders.test', '']);
  });

  test('compressed, in several steps; reading goes on behind the first pointer', () => {
    const first = wireName('mesh.test');
    const second = [1, 0x61, 0xc0, 0]; // a -> mesh.test
    const reader = readerAt(first.length + 4, first, second, [1, 0x62, 0xc0, first.length], [0x12, 0x34]);
    expect([reader.name(), reader.uint16()]).toEqual(['b.a.mesh.test', 0x1234]);
  });

  test.each([
    ['a pointer to itself', 0, [0xc0, 0]],
    ['a pointer ahead', 0, [0xc0, 2, 1, 0x61, 0]],
    ['two pointers at each other', 2, [0xc0, 2, 0xc0, 0]],
    ['a label and back to itself', 0, [1, 0x61, 0xc0, 0]],
    ['a label of an unknown kind', 0, [0x41, 0]],
    ['a label that goes on behind the end', 0, [5, 0x61]],
    ['no end', 0, [1, 0x61]],
    ['half a pointer', 0, [0xc0]],
    ['a chain of 33 pointers', 66, [0, 0, ...Array.from({ length: 33 }, (_, i) => [0xc0, 2 * i]).flat()]],
    ['more than 255 octets', 0, [...Array.from({ length: 128 }, () => [1, 0x61]).flat(), 0]],
  ])('%s is refused', (_what, offset, bytes) => {
    expect(() => readerAt(offset, bytes).name()).toThrow(RangeError);
  });

  test('regression: thousands of names that all refer to the longest are refused before they cost a second', () => {
    const longest = [...Array.from({ length: 127 }, () => [1, 0x61]).flat(), 0];
    const reader = readerAt(0, longest, ...Array.from({ length: 5_000 }, () => [0xc0, 0]));
    let read = 0;
    expect(() => { for (;;) if (reader.name() !== undefined) read++; }).toThrow('all together');
    expect(read).toBeGreaterThan(1_000);
    expect(read).toBeLessThan(1_100);
  });

  test('a chain of 32 pointers is read', () => {
    expect(readerAt(64, [0, 0, ...Array.from({ length: 32 }, (_, i) => [0xc0, 2 * i]).flat()]).name()).toBe('');
  });

  test.each([
    ['a dot within a label', [3, 0x61, 0x2e, 0x62, 0]],
    ['a control character', [2, 0x61, 0x0a, 0]],
    ['what is no letter', [2, 0xc3, 0xa4, 0]],
    ['an address', [2, 0x31, 0x30, 1, 0x31, 0]],
  ])('%s is passed over', (_what, bytes) => {
    const reader = readerAt(0, bytes, [9]);
    expect([reader.name(), reader.uint8()]).toEqual([undefined, 9]);
  });
});
