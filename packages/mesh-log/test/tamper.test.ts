import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { signCheckpoint } from '../src/checkpoint.js';
import { leafHash } from '../src/leaf.js';
import { MerkleTree } from '../src/merkle-tree.js';
import { checkpointLine } from '../src/record.js';
import { formatHeader, parseHeader } from '../src/segment.js';
import { SigningKey } from '../src/signing-key.js';
import type { LogVerification } from '../src/verification.js';
import { verifyAuditLog, type VerifyOptions } from '../src/verify-audit-log.js';
import { event, openLog, ORIGIN, publicKey, segmentsIn, temporaryDirectory } from './support/logs.js';
import { SimulatedDisk } from './support/simulated-disk.js';

const DIRECTORY = '/log';
type Files = Record<string, Buffer>;

/** A log of 200 events in two segments, with a checkpoint at 101 that stands between. */
let original: Files;
let kept: string;

async function write(eventOf: (sequence: number) => object, checkpoints = true): Promise<{ files: Files; checkpoint: string }> {
  const directory = join(temporaryDirectory(), 'log');
  const log = await openLog(directory);
  for (let sequence = 0; sequence < 200; sequence++) {
    await log.append([eventOf(sequence)]);
    if (sequence === 100 && checkpoints) await log.checkpoint();
    if (sequence === 150) await log.rotate();
  }
  const checkpoint = checkpoints ? (await log.checkpoint()).note : '';
  await log.close();
  return { files: Object.fromEntries(segmentsIn(directory).map((name) => [name, readFileSync(join(directory, name))])), checkpoint };
}

beforeAll(async () => {
  ({ files: original, checkpoint: kept } = await write(event));
});

async function verify(files: Files, options: Omit<VerifyOptions, 'fileSystem'> = { publicKey }): Promise<LogVerification> {
  const fileSystem = new SimulatedDisk();
  for (const [name, bytes] of Object.entries(files)) fileSystem.replace(join(DIRECTORY, name), bytes);
  const { logs } = await verifyAuditLog(DIRECTORY, { ...options, fileSystem });
  return logs[0] as LogVerification;
}

const linesOf = (bytes: Buffer | undefined): string[] => String(bytes).slice(0, -1).split('\n');
const isRecord = (line: string): boolean => line.startsWith('{"n":');
const [FIRST, SECOND] = ['audit-00000001.jsonl', 'audit-00000002.jsonl'];
const withLines = (name: string, lines: readonly string[]): Files => ({ ...original, [name]: Buffer.from(`${lines.join('\n')}\n`) });

/** Every variant of a segment that an edit of each record's line makes. */
function editEach(edit: (lines: string[], index: number) => string[] | undefined): { files: Files; record: number }[] {
  return [FIRST, SECOND].flatMap((name) => {
    const lines = linesOf(original[name]);
    return lines.flatMap((line, index) => {
      const edited = isRecord(line) ? edit([...lines], index) : undefined;
      return edited === undefined ? [] : [{ files: withLines(name, edited), record: (JSON.parse(line) as { n: number }).n }];
    });
  });
}

describe('under the trusted key', () => {
  test('the untouched log is authentic, to its last record', async () => {
    expect(await verify(original)).toMatchObject({ status: 'authentic', origin: ORIGIN, size: 204, notAuthenticated: [], clean: true });
    expect(await verify(original, { publicKey, checkpoint: kept })).toMatchObject({ status: 'authentic', clean: true });
  });

  describe('a log of 200 short events in three segments', () => {
    const names = Array.from({ length: 3 }, (_, index) => `audit-0000000${index + 1}.jsonl`);
    const SIZE = 205;
    let [plain, compressed]: [Files, Files] = [{}, {}];
    /** The last checkpoint of each. */
    const late = new Map<Files, string>();

    async function writeThree(compress: boolean): Promise<Files> {
      const directory = join(temporaryDirectory(), 'log');
      let note = '';
      const log = await openLog(directory, { compress, onCheckpoint: (checkpoint) => (note = checkpoint.note) });
      for (let sequence = 0; sequence < 200; sequence++) {
        await log.append([{ sequence }]);
        if (sequence === 79 || sequence === 149) await log.rotate();
      }
      while (compress && segmentsIn(directory).filter((name) => name.endsWith('.gz')).length < 2) await new Promise((resolve) => setImmediate(resolve));
      while (compress && segmentsIn(directory).length > 3) await new Promise((resolve) => setImmediate(resolve));
      await log.close();
      const files: Files = Object.fromEntries(segmentsIn(directory).map((name) => [name, readFileSync(join(directory, name))]));
      late.set(files, note);
      return files;
    }

    beforeAll(async () => {
      [plain, compressed] = [await writeThree(false), await writeThree(true)];
      expect([Object.keys(plain), Object.keys(compressed)]).toEqual([names, [...names.slice(0, 2).map((name) => `${name}.gz`), names[2]]]);
    });

    async function flipEach(files: Files, ...flipped: string[]): Promise<number> {
      let flips = 0;
      for (const name of flipped) {
        const bytes = Buffer.from(files[name] as Buffer);
        for (let index = 0; index < bytes.length; index++) {
          const flip = 1 << (index % 8);
          bytes[index] = (bytes[index] as number) ^ flip;
          const { status, clean } = await verify({ ...files, [name]: bytes });
          // The last newline alone makes a line that was never finished, as a crash leaves one.
          if (status !== 'tampered') expect([name, index, clean]).toEqual([names[2], bytes.length - 1, false]);
          bytes[index] = (bytes[index] as number) ^ flip;
          flips += 1;
        }
      }
      return flips;
    }

    test('every byte flipped is reported: of plain segments', async () => {
      expect((await verify(plain)).clean).toBe(true);
      expect(await flipEach(plain, names[1] as string)).toBeGreaterThan(5500);
    }, 60_000);

    test('every byte flipped is reported: of compressed segments and the open one', async () => {
      expect((await verify(compressed)).clean).toBe(true);
      expect(await flipEach(compressed, ...Object.keys(compressed))).toBeGreaterThan(12_000);
    }, 60_000);

    test.each([
      ['plain', () => plain],
      ['compressed', () => compressed],
    ])('%s segments missing, swapped, doubled, replaced by each other, emptied or of other bytes are reported', async (_how, files) => {
      const all = Object.entries(files());
      for (const [index, [name, bytes]] of all.entries()) {
        const { [name]: _gone, ...without } = files();
        const result = await verify(without, { publicKey, checkpoint: late.get(files()) as string });
        expect([name, result.status]).toEqual([name, 'tampered']);
        // Without a kept checkpoint the last one can go where it says nothing of the others: the log looks as it did before.
        expect([name, (await verify(without)).status]).toEqual([name, files() === plain && index === 2 ? 'authentic' : 'tampered']);
        expect((await verify(without)).clean).toBe(false);
        for (const [other, otherBytes] of all) {
          if (other !== name) expect([name, other, (await verify({ ...files(), [name]: otherBytes, [other]: bytes })).status]).toEqual([name, other, 'tampered']);
          if (other !== name) expect([name, other, (await verify({ ...files(), [name]: otherBytes })).status]).toEqual([name, other, 'tampered']);
        }
        expect((await verify({ ...files(), [name.replace(/\d{8}/, '00000005')]: bytes })).status).toBe('tampered');
        for (const emptied of [Buffer.alloc(0), Buffer.from('{}\n'), Buffer.alloc(5000)]) {
          expect([name, emptied.length, (await verify({ ...files(), [name]: emptied }, { publicKey, checkpoint: late.get(files()) as string })).status]).toEqual([name, emptied.length, 'tampered']);
        }
      }
    });

    test('the tail cut at each line and inside of each, over all segments: tampering against a kept checkpoint, and never clean', async () => {
      for (let last = 0; last < 3; last++) {
        const bytes = plain[names[last] as string] as Buffer;
        for (const cut of [...cutsOf(bytes), bytes.length]) {
          if (last === 2 && cut >= bytes.length - 1) continue;
          const files = Object.fromEntries(names.slice(0, last + 1).map((name, index) => [name, index === last ? bytes.subarray(0, cut) : (plain[name] as Buffer)]));
          const [alone, against] = [await verify(files), await verify(files, { publicKey, checkpoint: late.get(plain) as string })];
          expect([last, cut, alone.clean]).toEqual([last, cut, false]);
          // Its own last checkpoint may be gone without a record.
          expect([last, cut, against.status]).toEqual([last, cut, against.size >= SIZE ? 'authentic' : 'tampered']);
        }
      }
    }, 60_000);

    /** The end of each line, and a place inside of it. */
    function cutsOf(bytes: Buffer): number[] {
      const cuts: number[] = [];
      for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, end + 1)) cuts.push(end - 20, end + 1);
      return cuts;
    }
  });

  test('a record whose text is changed is the first bad one', async () => {
    const edited = editEach((lines, index) => (lines[index]?.includes('"sequence"') === true ? lines.with(index, (lines[index] as string).replace('order-service', 'other-service')) : undefined));
    expect(edited).toHaveLength(200);
    const found = await Promise.all(edited.map(async ({ files, record }) => ({ ...(await verify(files)), expected: record })));
    expect(found.filter(({ status }) => status !== 'tampered')).toEqual([]);
    // Where the next line is a checkpoint, nothing says which of the records since the last one it was.
    const exact = found.filter(({ problem, expected }) => problem?.record === expected);
    expect(exact.length).toBeGreaterThan(195);
    expect(found.every(({ problem, expected }) => (problem?.record as number) <= expected)).toBe(true);
  });

  test.each<[string, (lines: string[], index: number) => string[] | undefined]>([
    ['dropped', (lines, index) => lines.toSpliced(index, 1)],
    ['doubled', (lines, index) => lines.toSpliced(index, 0, lines[index] as string)],
    ['swapped with the next', (lines, index) => (isRecord(lines[index + 1] ?? '') ? lines.with(index, lines[index + 1] as string).with(index + 1, lines[index] as string) : undefined)],
    ['put in from elsewhere', (lines, index) => lines.toSpliced(index, 0, lines[3] === lines[index] ? (lines[4] as string) : (lines[3] as string))],
  ])('each record %s is reported', async (_what, edit) => {
    const edited = editEach(edit);
    expect(edited.length).toBeGreaterThan(190);
    for (const { files, record } of edited) {
      const { status, problem } = await verify(files);
      expect([record, status]).toEqual([record, 'tampered']);
      expect(problem?.record).toBeLessThanOrEqual(record + 1);
    }
  });

  test('a record dropped and all after it chained anew is reported at the next checkpoint', async () => {
    for (const { files } of editEach((lines, index) => (index > 3 ? rechained(lines.toSpliced(index, 1)) : undefined))) expect((await verify(files)).status).toBe('tampered');
  });
});

/** What somebody without the key can do: index and chain made right again, checkpoints as they were. */
function rechained(lines: readonly string[]): string[] {
  let previous: string | undefined;
  let index: number | undefined;
  return lines.map((line) => {
    if (!isRecord(line)) return line;
    const { n, prev } = JSON.parse(line) as { n: number; prev: string };
    index = index === undefined ? n : index + 1;
    const fixed = line.replace(/^\{"n":\d+,"prev":"[^"]*"/, `{"n":${index},"prev":"${previous ?? prev}"`);
    previous = leafHash(Buffer.from(fixed)).toString('base64');
    return fixed;
  });
}

/** A whole log made anew under another key: consistent in itself. */
function rewritten(forger: SigningKey): Files {
  const tree = MerkleTree.empty();
  return Object.fromEntries(
    [FIRST, SECOND].map((name) => {
      const [header, ...lines] = linesOf(original[name]);
      const forged = formatHeader({ ...parseHeader(Buffer.from(header as string)), key: forger.verifierKey(ORIGIN) });
      let text = `${forged}\n`;
      for (const line of lines) {
        if (isRecord(line)) tree.append(leafHash(Buffer.from(line)));
        text += isRecord(line) ? `${line}\n` : checkpointLine(signCheckpoint({ origin: ORIGIN, size: tree.size, root: tree.root() }, [forger]).note);
      }
      return [name, Buffer.from(text)];
    }),
  );
}

describe('a rewrite of everything without the key', () => {
  test('is reported under the trusted key and against a kept checkpoint', async () => {
    const files = rewritten(SigningKey.generate());
    expect((await verify(files)).status).toBe('tampered');
    expect((await verify(files, { checkpoint: kept, publicKey })).status).toBe('tampered');
  });

  test('a log made anew by the same code is consistent, which is why that alone proves nothing', async () => {
    const directory = join(temporaryDirectory(), 'log');
    const forger = SigningKey.generate();
    const forgery = await openLog(directory, { key: forger });
    for (let sequence = 0; sequence < 200; sequence++) await forgery.append([event(sequence)]);
    await forgery.close();
    const files = Object.fromEntries(segmentsIn(directory).map((name) => [name, readFileSync(join(directory, name))]));
    expect(await verify(files, {})).toMatchObject({ status: 'consistent', notAuthenticated: [{ from: 0, why: 'no key' }] });
    expect(await verify(files)).toMatchObject({ status: 'tampered', problem: { text: expect.stringContaining('given key') } });
    expect((await verify(files, { checkpoint: kept })).status).toBe('tampered');
    expect((await verify(original, { publicKey: forger.verifierKey(ORIGIN) })).status).toBe('tampered');
    expect((await verify(original, { publicKey: SigningKey.generate().verifierKey('example.org/other') })).status).toBe('tampered');
  });
});

describe('under a kept checkpoint alone', () => {
  test('one that covers nothing makes nothing authentic', async () => {
    const first = signCheckpoint({ origin: ORIGIN, size: 0, root: MerkleTree.empty().root() }, [SigningKey.generate()]).note;
    expect(await verify(original, { checkpoint: first })).toMatchObject({ status: 'consistent', notAuthenticated: [{ from: 0, to: 204, why: 'tail' }] });
  });

  test('what it covers is authentic, and the rest is said not to be', async () => {
    const result = await verify(original, { checkpoint: kept });
    expect(result).toMatchObject({ status: 'authentic', notAuthenticated: [{ from: 203, to: 204, why: 'tail' }] });
  });

  test('one of another log means that its log is missing', async () => {
    const fileSystem = new SimulatedDisk();
    for (const [name, bytes] of Object.entries(original)) fileSystem.replace(join(DIRECTORY, name), bytes);
    const other = signCheckpoint({ origin: 'example.org/other', size: 1, root: Buffer.alloc(32) }, [SigningKey.generate()]).note;
    const { status, logs } = await verifyAuditLog(DIRECTORY, { checkpoint: other, fileSystem });
    expect([status, logs.map(({ origin, status: each }) => [origin, each])]).toEqual(['tampered', [[ORIGIN, 'consistent'], ['example.org/other', 'tampered']]]);
  });

  test('one with a wrong signature is refused when a key is given too', async () => {
    const forged = signCheckpoint({ origin: ORIGIN, size: 5, root: Buffer.alloc(32) }, [SigningKey.generate()]).note;
    expect((await verify(original, { checkpoint: forged, publicKey })).status).toBe('tampered');
    await expect(verify(original, { checkpoint: 'nonsense' })).rejects.toThrow(/^note_invalid/);
    await expect(verify(original, { publicKey: 'nonsense' })).rejects.toThrow(/^invalid_option/);
  });

  test('regression: many may have been kept, one a second for days', async () => {
    const lines = linesOf(original[SECOND]);
    const unclean = { ...original, [SECOND]: Buffer.from(`${lines.slice(0, -2).join('\n')}\n`) };
    const fileSystem = new SimulatedDisk();
    for (const [name, bytes] of Object.entries(unclean)) fileSystem.replace(join(DIRECTORY, name), bytes);
    await (await openLog(DIRECTORY, { fileSystem, claimLock: async () => ({ release: async () => undefined }) })).close();
    const { status } = await verifyAuditLog(DIRECTORY, { checkpoint: Array.from({ length: 130_000 }, () => kept), fileSystem });
    expect(status).toBe('authentic');
  });
});

describe('regression: made anew by who holds the key', () => {
  test('a log whose beginning is said to be retired, behind all kept checkpoints, does not pass for one that was checked against them', async () => {
    const directory = join(temporaryDirectory(), 'log');
    const clock = new FakeClock();
    const forgery = await openLog(directory, { clock, retentionDays: 1 });
    for (let sequence = 0; sequence < 300; sequence++) await forgery.append([event(sequence)]);
    for (let day = 0; day < 4; day++) {
      await forgery.rotate();
      await clock.advance(86_400_000);
      await forgery.append([event(0)]);
    }
    await forgery.close();
    const underKeyAlone = await verifyAuditLog(directory, { publicKey });
    expect(underKeyAlone).toMatchObject({ status: 'authentic', logs: [{ retired: { from: 0 } }] });
    const { retired, size } = underKeyAlone.logs[0] as LogVerification;
    for (const trust of [{ publicKey, checkpoint: kept }, { checkpoint: kept }]) {
      expect(await verifyAuditLog(directory, trust)).toMatchObject({
        status: 'consistent',
        logs: [{ notAuthenticated: [{ from: retired?.to, to: size, why: 'not compared' }] }],
      });
    }
  });
});

describe('what is said', () => {
  test('regression: one log twice, in the place of another, is reported', async () => {
    const fileSystem = new SimulatedDisk();
    for (const [name, bytes] of Object.entries(original)) for (const log of ['order-service', 'user-service']) fileSystem.replace(join(DIRECTORY, log, name), bytes);
    const { status, logs } = await verifyAuditLog(DIRECTORY, { publicKey, checkpoint: kept, fileSystem });
    expect([status, logs.map((log) => [log.status, log.problem?.text])]).toEqual([
      'tampered',
      [['authentic', undefined], ['tampered', `it is the log that also stands in '${join(DIRECTORY, 'order-service')}': one of the two is a copy`]],
    ]);
  });

  test('regression: a missing beginning is not said to be retired', async () => {
    const result = await verify({ [SECOND]: original[SECOND] as Buffer });
    expect([result.status, result.problem?.text.includes('are missing'), result.retired]).toEqual(['tampered', true, undefined]);
  });
});
