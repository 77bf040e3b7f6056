import { describe, expect, test } from '@jest/globals';
import { signCheckpoint } from '../src/checkpoint.js';
import { leafHash, sha256 } from '../src/leaf.js';
import { LogReplay } from '../src/log-replay.js';
import { MerkleTree } from '../src/merkle-tree.js';
import { checkpointLine, ownJson, recordPrefix } from '../src/record.js';
import { formatHeader, nextHeader, parseHeader } from '../src/segment.js';
import { SigningKey } from '../src/signing-key.js';
import type { LogVerification } from '../src/verification.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { SimulatedDisk } from './support/simulated-disk.js';
import { DIRECTORY, ORIGIN, SimulatedLog } from './support/simulated-log.js';

const FIRST = `${DIRECTORY}/audit-00000001.jsonl`;
const SECOND = `${DIRECTORY}/audit-00000002.jsonl`;
const THIRD = `${DIRECTORY}/audit-00000003.jsonl`;
const NOW = Date.UTC(2026, 0, 1, 12);
const forger = SigningKey.generate();

/** Two segments; in the second 2 records (9 and 10) that a checkpoint covers and 3 (11 to 13) that none does. Then the process was killed. */
async function crashed(): Promise<SimulatedLog> {
  const log = new SimulatedLog(new SimulatedDisk());
  await log.open();
  await log.drive(log.append(6));
  await log.drive(log.writer.rotate());
  await log.drive(log.append(2));
  await log.drive(log.writer.checkpoint());
  await log.drive(log.append(3));
  log.disk.crash();
  log.disk = log.disk.restart('kill');
  return log;
}
const COVERED = 11;

/** Writes what somebody can write who has the folder and not the key: lines that chain on. */
class Forger {
  tree: MerkleTree;
  previousLeaf: string;
  text: string;
  readonly log: SimulatedLog;
  readonly path: string;

  constructor(log: SimulatedLog, path: string) {
    [this.log, this.path] = [log, path];
    this.text = log.disk.contents(path).toString();
    const replay = new LogReplay('each');
    for (const each of [FIRST, SECOND]) {
      replay.startSegment(each === FIRST ? 1 : 2);
      for (const line of log.disk.contents(each).toString().trimEnd().split('\n')) replay.take(Buffer.from(line));
    }
    [this.tree, this.previousLeaf] = [replay.tree, replay.previousLeaf];
  }

  record(json: string): this {
    const line = `${recordPrefix(this.tree.size, this.previousLeaf)}${json.replace('{', ',')}`;
    const leaf = leafHash(Buffer.from(line));
    this.tree.append(leaf);
    this.previousLeaf = leaf.toString('base64');
    this.text += `${line}\n`;
    return this;
  }

  checkpoint(...keys: SigningKey[]): this {
    this.text += checkpointLine(signCheckpoint({ origin: ORIGIN, size: this.tree.size, root: this.tree.root() }, keys).note);
    return this;
  }

  write(): void {
    this.log.disk.replace(this.path, Buffer.from(this.text));
  }
}

const verified = async (log: SimulatedLog, checkpoint: string[] = []): Promise<LogVerification> =>
  (await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint, fileSystem: log.disk })).logs[0] as LogVerification;

/** Whether a record counts as what was written. */
const isVouchedFor = ({ status, notAuthenticated }: LogVerification, index: number): boolean =>
  status === 'authentic' && !notAuthenticated.some(({ from, to }) => index >= from && index < to);

const own = (record: Parameters<typeof ownJson>[0]): string => ownJson(record, NOW);
const FORGED = '{"eventType":"forged"}';

describe('a tail that was forged behind the last checkpoint after a crash', () => {
  const tails: Record<string, (forged: Forger) => Forger> = {
    events: (forged) => forged.record(FORGED).record(FORGED),
    'a clean end': (forged) => forged.record(FORGED).record(own({ log: 'closed' })),
    'a clean end with a checkpoint of another key': (forged) => forged.record(FORGED).record(own({ log: 'closed' })).checkpoint(forger),
    'a change of key': (forged) => forged.record(own({ log: 'key_rotated', from: '', to: forger.verifierKey(ORIGIN) })).record(FORGED),
    'a change of key and its checkpoint': (forged) => forged.record(own({ log: 'key_rotated', from: '', to: forger.verifierKey(ORIGIN) })).checkpoint(forger).record(FORGED),
    'an unclean end of its own': (forged) => forged.record(own({ log: 'recovered', from: COVERED, to: forged.tree.size, cutBytes: 0 })).record(FORGED),
    'an unclean end that is none': (forged) => forged.record(own({ log: 'recovered', from: 0, to: 0, cutBytes: 0 })).record(FORGED),
    'a retirement': (forged) => forged.record(own({ log: 'retired', segments: ['audit-00000001.jsonl'], from: 0, to: 8, root: '' })),
    'the beginning of a segment': (forged) => forged.record(own({ log: 'segment', header: '' })),
    'a record that is none': (forged) => Object.assign(forged, { text: `${forged.text}{"n":${forged.tree.size}}\n` }),
  };

  test.each(Object.entries(tails))('%s: never vouched for, neither before the writer finds it nor after', async (_what, forge) => {
    const log = await crashed();
    const forged = forge(new Forger(log, SECOND));
    forged.write();
    const last = forged.tree.size - 1;
    const before = await verified(log);
    for (let index = COVERED; index <= last; index++) expect([index, isVouchedFor(before, index)]).toEqual([index, false]);
    expect(before.clean).toBe(false);
    const isOpened = await log.open().then(
      () => true,
      () => false,
    );
    if (isOpened) {
      await log.drive(log.append(1));
      await log.drive(log.writer.close());
    }
    const after = await verified(log);
    for (let index = COVERED; index <= last; index++) expect([index, isVouchedFor(after, index)]).toEqual([index, false]);
    // What was vouched for still is, or the log is reported as a whole.
    expect(after.status === 'tampered' || (isVouchedFor(after, COVERED - 1) && isVouchedFor(after, last + 2))).toBe(true);
    if (!isOpened) expect(after.status).toBe('tampered');
  });

  test('in the place of records that were there: they are not vouched for, and against a kept checkpoint the log is reported', async () => {
    const log = await crashed();
    // One that was signed, and whose line did not reach the disk.
    const replay = new Forger(log, SECOND);
    const kept = signCheckpoint({ origin: ORIGIN, size: replay.tree.size, root: replay.tree.root() }, [log.key]).note;
    const lines = replay.text.trimEnd().split('\n');
    log.disk.replace(SECOND, Buffer.from(`${lines.slice(0, -3).join('\n')}\n`));
    new Forger(log, SECOND).record(FORGED).record(FORGED).record(FORGED).write();
    expect((await verified(log)).notAuthenticated).toEqual([{ from: COVERED, to: COVERED + 3, why: 'tail' }]);
    expect(await verified(log, [kept])).toMatchObject({ status: 'tampered', problem: { text: expect.stringContaining('signed for other ones') } });
    await log.open();
    await log.drive(log.writer.close());
    expect((await verified(log)).notAuthenticated).toEqual([{ from: COVERED, to: COVERED + 3, why: 'recovered' }]);
    expect((await verified(log, [kept])).status).toBe('tampered');
  });
});

describe('a segment that was forged after a crash', () => {
  /** Cuts the second segment back to its last checkpoint, and begins a third with that very checkpoint at its boundary. */
  function forgeSegment(log: SimulatedLog, change: (header: ReturnType<typeof nextHeader>) => object = () => ({})): void {
    const text = log.disk.contents(SECOND).toString();
    const lines = text.trimEnd().split('\n');
    const at = lines.findLastIndex((line) => line.startsWith('{"checkpoint"'));
    log.disk.replace(SECOND, Buffer.from(`${lines.slice(0, at).join('\n')}\n`));
    const forged = new Forger(log, SECOND);
    const fitting = nextHeader(3, { origin: ORIGIN, key: log.publicKey, tree: forged.tree, previousLeaf: forged.previousLeaf, abandoned: [] });
    const header = formatHeader({ ...fitting, ...change(fitting) });
    forged.text = `${header}\n${lines[at]}\n`;
    forged.record(own({ log: 'segment', header: sha256(Buffer.from(header)).toString('base64') })).record(FORGED).record(FORGED);
    log.disk.replace(THIRD, Buffer.from(forged.text));
  }

  test('is not vouched for, and against a later checkpoint that was kept the log is reported', async () => {
    const log = await crashed();
    const whole = new Forger(log, SECOND);
    const kept = signCheckpoint({ origin: ORIGIN, size: whole.tree.size, root: whole.tree.root() }, [log.key]).note;
    forgeSegment(log);
    expect(await verified(log)).toMatchObject({ status: 'authentic', notAuthenticated: [{ from: COVERED, to: COVERED + 3, why: 'tail' }], clean: false });
    expect((await verified(log, [kept])).status).toBe('tampered');
    await log.open();
    await log.drive(log.writer.close());
    expect(await verified(log)).toMatchObject({ status: 'authentic', notAuthenticated: [{ from: COVERED, to: COVERED + 3, why: 'recovered' }] });
    expect((await verified(log, [kept])).status).toBe('tampered');
  });

  test.each<[string, (header: ReturnType<typeof nextHeader>) => object]>([
    ['a range that is another tree', ({ range }) => ({ range: range.toReversed() })],
    ['more records before it', ({ first }) => ({ first: first + 2 })],
    ['another leaf before it', () => ({ prev: Buffer.alloc(32, 1).toString('base64') })],
    ['another key', () => ({ key: forger.verifierKey(ORIGIN) })],
    ['another origin', () => ({ origin: 'example.org/other' })],
    ['another number', () => ({ segment: 4 })],
  ])('and says %s is reported, and not gone on with', async (_what, change) => {
    const log = await crashed();
    forgeSegment(log, change);
    expect((await verified(log)).status).toBe('tampered');
    await expect(log.open()).rejects.toThrow(/^(log_tampered|log_key_missing|invalid_option)/);
  });

  test.each([
    ['nothing', 0],
    ['a part', 600],
  ])('and says that %s of an earlier one counts is reported', async (_what, bytes) => {
    const log = await crashed();
    forgeSegment(log, () => ({ abandoned: [{ segment: 1, bytes }] }));
    expect((await verified(log)).status).toBe('tampered');
  });
});

describe('everything rewritten', () => {
  /** As it was, but for one event, under another key: consistent in itself. */
  async function rewritten(keep: (index: number) => boolean = () => true): Promise<SimulatedLog> {
    const log = await crashed();
    await log.open();
    await log.drive(log.writer.close());
    const tree = MerkleTree.empty();
    let [previousLeaf, headerHash] = [Buffer.alloc(32).toString('base64'), ''];
    for (const path of [FIRST, SECOND]) {
      let text = '';
      for (const line of log.disk.contents(path).toString().trimEnd().split('\n')) {
        if (line.startsWith('{"format"')) {
          const { segment } = parseHeader(Buffer.from(line));
          const header = formatHeader(nextHeader(segment, { origin: ORIGIN, key: forger.verifierKey(ORIGIN), tree, previousLeaf, abandoned: [] }));
          headerHash = sha256(Buffer.from(header)).toString('base64');
          text += `${header}\n`;
        } else if (line.startsWith('{"checkpoint"')) {
          text += checkpointLine(signCheckpoint({ origin: ORIGIN, size: tree.size, root: tree.root() }, [forger]).note);
        } else if (keep(Number(/"n":(\d+)/.exec(line)?.[1]))) {
          const rest = line.replace(/^\{"n":\d+,"prev":"[^"]*"/, '').replace(/"header":"[^"]*"/, `"header":"${headerHash}"`).replace(/"from":\d+,"to":\d+/, `"from":${tree.size - 3},"to":${tree.size}`);
          const record = recordPrefix(tree.size, previousLeaf) + rest;
          const leaf = leafHash(Buffer.from(record));
          tree.append(leaf);
          previousLeaf = leaf.toString('base64');
          text += `${record}\n`;
        }
      }
      log.disk.replace(path, Buffer.from(text));
    }
    return log;
  }

  test.each<[string, ((index: number) => boolean) | undefined]>([
    ['as it was', undefined],
    ['without one event', (index) => index !== 4],
  ])('%s, under another key: consistent, and reported under the right key and against each kept checkpoint', async (_how, keep) => {
    const log = await rewritten(keep);
    const verify = async (options: object): Promise<LogVerification> => (await verifyAuditLog(DIRECTORY, { ...options, fileSystem: log.disk })).logs[0] as LogVerification;
    expect(await verify({})).toMatchObject({ status: 'consistent', notAuthenticated: [{ why: 'no key' }] });
    expect((await verify({ publicKey: log.publicKey })).status).toBe('tampered');
    for (const checkpoint of log.checkpoints) {
      const size = Number(checkpoint.split('\n')[1]);
      if (size > 0) expect([size, (await verify({ checkpoint })).status]).toEqual([size, 'tampered']);
      expect([size, (await verify({ checkpoint, publicKey: log.publicKey })).status]).toEqual([size, 'tampered']);
    }
  });
});
