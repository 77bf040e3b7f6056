import { describe, expect, test } from '@jest/globals';
import { signCheckpoint } from '../src/checkpoint.js';
import { LogReplay } from '../src/log-replay.js';
import { leafHash, NO_LEAF, sha256 } from '../src/leaf.js';
import { MerkleTree } from '../src/merkle-tree.js';
import { checkpointLine, recordPrefix } from '../src/record.js';
import { formatHeader, nextHeader } from '../src/segment.js';
import { SigningKey } from '../src/signing-key.js';

const ORIGIN = 'example.org/replay';
const key = SigningKey.generate();
const time = '2026-01-01T12:00:00.000Z';

/** A log written by hand, line by line: also one that the writer would never write. */
class HandWritten {
  tree = MerkleTree.empty();
  previousLeaf = NO_LEAF;
  readonly lines: Buffer[] = [];

  checkpoint(signers = [key]): this {
    this.lines.push(Buffer.from(checkpointLine(signCheckpoint({ origin: ORIGIN, size: this.tree.size, root: this.tree.root() }, signers).note).trimEnd()));
    return this;
  }

  record(rest: object): this {
    const line = Buffer.from(recordPrefix(this.tree.size, this.previousLeaf) + JSON.stringify(rest).replace('{', ','));
    const leaf = leafHash(line);
    this.lines.push(line);
    this.tree.append(leaf);
    this.previousLeaf = leaf.toString('base64');
    return this;
  }

  segment(number: number, recovered?: object): this {
    const header = formatHeader(nextHeader(number, { origin: ORIGIN, key: key.verifierKey(ORIGIN), tree: this.tree, previousLeaf: this.previousLeaf, abandoned: [] }));
    this.lines.push(Buffer.from(header));
    return this.checkpoint().record({ log: 'segment', time, header: sha256(Buffer.from(header)).toString('base64'), ...(recovered && { recovered }) });
  }

  replay(checkpoints: 'each' | 'last' = 'each'): LogReplay {
    const replay = new LogReplay(checkpoints);
    for (const line of this.lines) {
      if (line.toString().startsWith('{"format"')) replay.startSegment((JSON.parse(line.toString()) as { segment: number }).segment);
      replay.take(line);
    }
    replay.settle();
    return replay;
  }
}

/** Records 0 … 3, a checkpoint over 0 … 2. */
const begun = (): HandWritten => new HandWritten().segment(1).record({ a: 1 }).record({ a: 2 }).checkpoint().record({ a: 3 });

describe("the log's own records", () => {
  test('are taken where they say what is so', () => {
    const log = begun().record({ log: 'recovered', time, from: 3, to: 4, cutBytes: 7 }).record({ log: 'something later', time, more: [] }).checkpoint();
    expect(log.replay().tree.size).toBe(6);
    expect(log.replay('last').tree.size).toBe(6);
  });

  test.each<[string, object]>([
    ['without a time', { log: 'opened' }],
    ['recovered from what is no size', { log: 'recovered', time, from: '3', to: 4, cutBytes: 0 }],
    ['recovered from another checkpoint than the last', { log: 'recovered', time, from: 2, to: 4, cutBytes: 0 }],
    ['recovered to another record than the one before', { log: 'recovered', time, from: 3, to: 3, cutBytes: 0 }],
    ['retired without a root', { log: 'retired', time, segments: [], from: 0, to: 3 }],
    ['retired segments that are no names', { log: 'retired', time, segments: [1], from: 0, to: 3, root: NO_LEAF }],
    ['compressed to no hash', { log: 'compressed', time, segment: 'audit-00000001.jsonl', bytes: 1 }],
    ['compressed from what has no size', { log: 'compressed', time, segment: 'audit-00000001.jsonl', bytes: -1, sha256: NO_LEAF }],
    ['a key that is none', { log: 'key_rotated', time, from: '', to: 'x' }],
    ['a key that is no text', { log: 'key_rotated', time, from: '', to: 5 }],
    ['a header in the middle', { log: 'segment', time, header: NO_LEAF }],
  ])('%s are refused', (_what, own) => {
    const error = (() => {
      try {
        return begun().record(own).checkpoint().replay();
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ reason: 'log_tampered', details: { record: expect.any(Number) } });
  });

  test.each([
    ['where the last checkpoint was', { from: 3, to: 4, cutBytes: 0 }, true],
    ['from elsewhere', { from: 4, to: 4, cutBytes: 0 }, false],
    ['to elsewhere', { from: 3, to: 5, cutBytes: 0 }, false],
    ['nothing', null, false],
  ])('a segment that begins with what was recovered, %s', (_what, recovered, good) => {
    const log = begun().segment(2, recovered ?? undefined);
    if (recovered === null) log.lines[log.lines.length - 1] = Buffer.from((log.lines.at(-1) as Buffer).toString().replace('}', ',"recovered":null}'));
    if (good) expect(log.replay().tree.size).toBe(5);
    else expect(() => log.replay()).toThrow(/^log_tampered/);
  });

  test('a record that holds a zero byte is none', () => {
    const log = begun();
    log.lines.push(Buffer.from(`${recordPrefix(4, log.previousLeaf)},"a":"\0"}`));
    expect(() => log.replay()).toThrow(/^log_tampered/);
  });
});

describe('keys', () => {
  const next = SigningKey.generate();
  const rotated = (): HandWritten => begun().record({ log: 'key_rotated', time, from: key.verifierKey(ORIGIN), to: next.verifierKey(ORIGIN) });

  test('change by a record and a checkpoint of both', () => {
    const log = rotated().checkpoint([key, next]).record({ a: 4 }).checkpoint([next]);
    for (const mode of ['each', 'last'] as const) expect(String(log.replay(mode).key)).toBe(next.verifierKey(ORIGIN));
  });

  test('do not change where the old one signs alone', () => {
    expect(String(rotated().checkpoint([key]).record({ a: 4 }).checkpoint([key]).replay().key)).toBe(key.verifierKey(ORIGIN));
  });

  test.each<[string, () => HandWritten]>([
    ['the new one signs alone', () => rotated().checkpoint([next])],
    ['the old one signs again', () => rotated().checkpoint([key, next]).checkpoint([key])],
    ['the new one signs after the rotation was dropped', () => rotated().checkpoint([key]).checkpoint([key, next])],
    ['a stranger signs too', () => begun().checkpoint([key, next])],
    ['a stranger signs too, at a rotation', () => rotated().checkpoint([key, next, SigningKey.generate()])],
  ])('it is refused where %s', (_what, log) => {
    for (const mode of ['each', 'last'] as const) expect(() => log().replay(mode)).toThrow(/^log_tampered/);
  });
});
