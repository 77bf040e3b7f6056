import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import type { SegmentFile } from '../src/segment.js';
import { readLines } from '../src/segment-lines.js';
import { SimulatedDisk } from './support/simulated-disk.js';

const MIB = 1024 * 1024;
const plain: SegmentFile = { number: 1, name: 'audit-00000001.jsonl', path: '/log/audit-00000001.jsonl', compressed: false };
const gzipped: SegmentFile = { ...plain, path: `${plain.path}.gz`, compressed: true };

interface Read {
  readonly lines: string[];
  readonly offsets: number[];
  readonly incompleteBytes: number | undefined;
}

async function read(disk: SimulatedDisk, file: SegmentFile, endBytes?: number, startBytes?: number): Promise<Read> {
  const [lines, offsets]: [string[], number[]] = [[], []];
  let incomplete: number | undefined;
  for await (const { lines: more, offset, incompleteBytes } of readLines(disk, file, endBytes, startBytes)) {
    let start = offset;
    for (const line of more) {
      lines.push(line.toString());
      offsets.push(start);
      start += line.length + 1;
    }
    incomplete = incompleteBytes;
  }
  return { lines, offsets, incompleteBytes: incomplete };
}

function diskWith(text: string): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.replace(plain.path, Buffer.from(text));
  disk.replace(gzipped.path, gzipSync(text));
  return disk;
}

describe.each([
  ['plain', plain],
  ['compressed', gzipped],
])('the lines of a %s segment', (_how, file) => {
  test.each<[string, string[], string]>([
    ['nothing', [], ''],
    ['empty lines', ['', '', ''], ''],
    ['lines and the beginning of one', ['one', 'two'], 'thr'],
    ['lines longer than what is read at once', ['x'.repeat(3 * MIB), 'y', 'z'.repeat(600_000)], 'w'.repeat(300_000)],
    ['many', Array.from({ length: 30_000 }, (_, index) => `line ${index}`), ''],
  ])('%s', async (_what, lines, rest) => {
    const { lines: found, offsets, incompleteBytes } = await read(diskWith(lines.map((line) => `${line}\n`).join('') + rest), file);
    expect(found.length).toBe(lines.length);
    expect(found.every((line, index) => line === lines[index])).toBe(true);
    let start = 0;
    expect(offsets).toEqual(lines.map((line) => (start += line.length + 1) - line.length - 1));
    expect(incompleteBytes).toBe(rest.length);
  });

  test('from a place to a place', async () => {
    const disk = diskWith('one\ntwo\nthree\nfour\n');
    expect(await read(disk, file, 14, 4)).toEqual({ lines: ['two', 'three'], offsets: [4, 8], incompleteBytes: 0 });
    expect(await read(disk, file, 10, 4)).toEqual({ lines: ['two'], offsets: [4], incompleteBytes: 2 });
    expect(await read(disk, file, 0)).toEqual({ lines: [], offsets: [], incompleteBytes: 0 });
  });

  test('longer than 8 MiB: nobody holds it all', async () => {
    const disk = diskWith(`${'x'.repeat(9 * MIB)}\n`);
    await expect(read(disk, file)).rejects.toThrow(/^log_tampered/);
  });
});

test('a small file that unpacks to a large one is given up at its first line', async () => {
  const disk = new SimulatedDisk();
  disk.replace(gzipped.path, gzipSync(Buffer.alloc(200 * MIB)));
  const before = process.memoryUsage().rss;
  await expect(read(disk, gzipped)).rejects.toThrow(/^log_tampered: a line has more than/);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * MIB);
});

test('what is no gzip is tampering, a disk that fails is not', async () => {
  const disk = new SimulatedDisk(({ kind }) => (kind === 'read' && failing ? 'fail' : undefined));
  let failing = false;
  disk.replace(gzipped.path, Buffer.from('no gzip'));
  await expect(read(disk, gzipped)).rejects.toThrow(/^log_tampered.*does not decompress/);
  disk.replace(gzipped.path, gzipSync('one\n').subarray(0, -4));
  await expect(read(disk, gzipped)).rejects.toThrow(/^log_tampered.*does not decompress/);
  failing = true;
  await expect(read(disk, gzipped)).rejects.toThrow(/^EIO/);
});

test('a segment that was compressed since it was listed is read where it is', async () => {
  const disk = new SimulatedDisk();
  disk.replace(gzipped.path, gzipSync('one\n'));
  expect((await read(disk, plain)).lines).toEqual(['one']);
  disk.replace(gzipped.path, undefined);
  await expect(read(disk, plain)).rejects.toThrow(/^ENOENT/);
});
