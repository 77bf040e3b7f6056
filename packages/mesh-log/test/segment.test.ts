import { describe, expect, test } from '@jest/globals';
import { formatHeader, listSegments, parseHeader, segmentName, type SegmentHeader } from '../src/segment.js';
import { NO_LEAF } from '../src/leaf.js';
import { SimulatedDisk } from './support/simulated-disk.js';

const header: SegmentHeader = { segment: 3, origin: 'o', key: 'o+00000000+AA==', first: 7, prev: NO_LEAF, range: [NO_LEAF, NO_LEAF, NO_LEAF], abandoned: [{ segment: 2, bytes: 100 }] };
const line = (changes: object): Buffer => Buffer.from(formatHeader({ ...header, ...changes }));

describe('a header', () => {
  test('is read from what it is written as', () => expect(parseHeader(line({}))).toEqual({ format: 1, ...header }));

  test.each<[string, object]>([
    ['a segment of 0', { segment: 0 }],
    ['a negative first index', { first: -1 }],
    ['an origin that is no text', { origin: 5 }],
    ['a key that is no text', { key: null }],
    ['a leaf that is none', { prev: 'AAAA' }],
    ['a leaf that is no text', { prev: 5 }],
    ['no range', { range: {} }],
    ['a range of numbers', { range: [5] }],
    ['a range of short hashes', { range: ['AAAA', NO_LEAF, NO_LEAF] }],
    ['an abandoned segment of negative length', { abandoned: [{ segment: 2, bytes: -5 }] }],
    ['an abandoned segment without a number', { abandoned: [{ segment: '2', bytes: 5 }] }],
    ['more members', { more: 1 }],
  ])('with %s is refused', (what, changes) => {
    const altered = what === 'more members' ? Buffer.from(formatHeader(header).replace('{', '{"more":1,')) : line(changes);
    expect(() => parseHeader(altered)).toThrow(/^log_tampered/);
  });
});

describe('the segments in a folder', () => {
  const listed = async (...names: string[]): Promise<string[]> => {
    const disk = new SimulatedDisk();
    for (const name of names) disk.replace(`/log/${name}`, Buffer.alloc(0));
    return (await listSegments(disk, '/log')).map(({ path }) => path.slice('/log/'.length));
  };

  test('are in the order of their numbers, which may be longer than eight digits', async () => {
    expect(await listed('audit-100000000.jsonl', 'audit-00000010.jsonl.gz', 'audit-99999999.jsonl', 'audit-00000009.jsonl')).toEqual([
      'audit-00000009.jsonl',
      'audit-00000010.jsonl.gz',
      'audit-99999999.jsonl',
      'audit-100000000.jsonl',
    ]);
    expect(segmentName(100_000_000)).toBe('audit-100000000.jsonl');
  });

  test('have one name each: the same number in other digits is no segment', async () => {
    expect(await listed('audit-00000001.jsonl', 'audit-000000001.jsonl', 'audit-00000000.jsonl', 'audit-0000001.jsonl', 'audit-00000002.jsonl.gz.tmp')).toEqual(['audit-00000001.jsonl']);
  });

  test('are plain where they are both', async () => expect(await listed('audit-00000001.jsonl.gz', 'audit-00000001.jsonl')).toEqual(['audit-00000001.jsonl']));
});
