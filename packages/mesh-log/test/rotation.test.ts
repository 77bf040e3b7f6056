import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { leafHash } from '../src/leaf.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { SimulatedDisk } from './support/simulated-disk.js';
import { DIRECTORY, SimulatedLog } from './support/simulated-log.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Asks a process in that zone: Node reads TZ from its real environment, which Jest shields. */
function endIn(zone: string, rotation: string, timezone: string, time: string): string {
  const code = `import { RotationSchedule } from ${JSON.stringify(new URL('../dist/rotation-schedule.js', import.meta.url))};
    console.log(new Date(new RotationSchedule('${rotation}', '${timezone}').endOf(Date.parse('${time}'))).toISOString());`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', env: { TZ: zone } }).trim();
}

describe('the end of a period', () => {
  test.each([
    ['daily', 'utc', 'Asia/Tokyo', '2026-05-10T00:00:00.000Z', '2026-05-11T00:00:00.000Z'],
    ['daily', 'utc', 'UTC', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['daily', 'local', 'Asia/Tokyo', '2026-05-10T14:59:59.999Z', '2026-05-10T15:00:00.000Z'],
    ['daily', 'local', 'Asia/Tokyo', '2026-05-10T15:00:00.000Z', '2026-05-11T15:00:00.000Z'],
    // Days of 23 and 25 hours.
    ['daily', 'local', 'Europe/Berlin', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['daily', 'local', 'Europe/Berlin', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    ['hourly', 'utc', 'Asia/Kolkata', '2026-05-10T10:15:00.000Z', '2026-05-10T11:00:00.000Z'],
    ['hourly', 'local', 'Asia/Kolkata', '2026-05-10T10:15:00.000Z', '2026-05-10T10:30:00.000Z'],
    // The hour that comes twice.
    ['hourly', 'local', 'Europe/Berlin', '2026-10-25T00:30:00.000Z', '2026-10-25T01:00:00.000Z'],
    ['hourly', 'local', 'Europe/Berlin', '2026-10-25T01:30:00.000Z', '2026-10-25T02:00:00.000Z'],
  ] as const)('%s, %s, in %s: %s is in the one that ends %s', (rotation, timezone, zone, time, end) => {
    expect(endIn(zone, rotation, timezone, time)).toBe(end);
  });
});

async function opened(options: ConstructorParameters<typeof SimulatedLog>[1] = {}): Promise<SimulatedLog> {
  const log = new SimulatedLog(new SimulatedDisk(), options);
  await log.open();
  return log;
}
const files = ({ disk }: SimulatedLog): string[] => disk.paths.map((path) => path.slice(DIRECTORY.length + 1));

describe('rotation', () => {
  test('at midnight, by itself', async () => {
    const log = await opened();
    await log.drive(log.append(1));
    await log.clock.advance(12 * HOUR_MS - 1);
    expect(files(log)).toEqual(['audit-00000001.jsonl']);
    await log.clock.advance(1);
    await log.clock.advance(0);
    expect(files(log)).toEqual(['audit-00000001.jsonl', 'audit-00000002.jsonl']);
    await log.drive(log.append(1));
    await log.check();
    await log.drive(log.writer.close());
  });

  test('never for a day without events', async () => {
    const log = await opened();
    await log.drive(log.append(1));
    await log.clock.advance(10 * DAY_MS);
    expect(files(log)).toEqual(['audit-00000001.jsonl', 'audit-00000002.jsonl']);
    await log.drive(log.writer.close());
  });

  test('when a log is opened on a later day, before its first event', async () => {
    const log = await opened();
    await log.drive(log.append(1));
    await log.drive(log.writer.close());
    log.clock.jump(DAY_MS);
    log.disk = log.disk.restart('kill');
    await log.open();
    await log.drive(log.append(1));
    expect(files(log)).toEqual(['audit-00000001.jsonl', 'audit-00000002.jsonl']);
    await log.drive(log.writer.close());
    await log.check();
  });

  test('by size, which no segment exceeds', async () => {
    const log = await opened({ rotation: { maxBytes: 8192 } });
    for (let batch = 0; batch < 40; batch++) await log.drive(log.append(3, 300));
    await log.drive(log.writer.close());
    expect(files(log).length).toBeGreaterThan(5);
    for (const path of log.disk.paths) expect(log.disk.contents(path).length).toBeLessThan(8192 + 1024);
    await log.check();
  });
});

describe('retention', () => {
  test('deletes whole segments that ended too long ago, and the log says so', async () => {
    const log = await opened({ retentionDays: 3 });
    for (let day = 0; day < 8; day++) {
      await log.drive(log.append(2));
      await log.clock.advance(DAY_MS);
    }
    expect(files(log)).toEqual(['audit-00000006.jsonl', 'audit-00000007.jsonl', 'audit-00000008.jsonl', 'audit-00000009.jsonl']);
    await log.check();
    const { logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk });
    expect(logs[0]?.retired?.from).toBe(0);
    await log.drive(log.writer.close());
    // More is missing than was retired.
    log.disk.replace(`${DIRECTORY}/audit-00000006.jsonl`, undefined);
    expect((await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk })).logs[0]).toMatchObject({ status: 'tampered', problem: { record: 0, text: expect.stringContaining('missing') } });
  });

  test('a record of it that was forged behind a crash does not count', async () => {
    const log = await opened();
    await log.drive(log.append(5));
    await log.drive(log.writer.rotate());
    await log.drive(log.append(1));
    log.disk.crash();
    log.disk = log.disk.restart('kill');
    const path = `${DIRECTORY}/audit-00000002.jsonl`;
    const text = log.disk.contents(path).toString();
    const last = text.trimEnd().split('\n').at(-1) as string;
    const { n } = JSON.parse(last) as { n: number };
    const first = (JSON.parse(text.split('\n')[0] as string) as { first: number }).first;
    const root = (JSON.parse(text.split('\n')[1] as string) as { checkpoint: string }).checkpoint.split('\n')[2];
    const prev = leafHash(Buffer.from(last)).toString('base64');
    const forged = `{"n":${n + 1},"prev":"${prev}","log":"retired","time":"2026-01-01T12:00:00.000Z","segments":["audit-00000001.jsonl"],"from":0,"to":${first},"root":"${root}"}\n`;
    log.disk.replace(path, Buffer.from(text + forged));
    log.disk.replace(`${DIRECTORY}/audit-00000001.jsonl`, undefined);
    await log.open();
    await log.drive(log.append(1));
    await log.drive(log.writer.close());
    const { logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk });
    expect(logs[0]).toMatchObject({ status: 'tampered', problem: { text: expect.stringContaining('missing') } });
  });
});

describe('compression', () => {
  const compressed = async (): Promise<SimulatedLog> => {
    const log = await opened({ compress: true });
    await log.drive(log.append(20));
    await log.drive(log.writer.rotate());
    await log.drive(log.append(1));
    while (!files(log).includes('audit-00000001.jsonl.gz') || files(log).length > 2) await log.clock.advance(0);
    return log;
  };

  test('of closed segments; they are read and verified as they were', async () => {
    const log = await compressed();
    await log.check();
    await log.drive(log.writer.close());
    expect(files(log)).toEqual(['audit-00000001.jsonl.gz', 'audit-00000002.jsonl']);
    await log.check();
  });

  test('every byte flipped of the compressed file is reported', async () => {
    const log = await compressed();
    await log.drive(log.writer.close());
    const path = `${DIRECTORY}/audit-00000001.jsonl.gz`;
    const bytes = log.disk.contents(path);
    for (let index = 0; index < bytes.length; index++) {
      const flipped = Buffer.from(bytes);
      flipped[index] = (flipped[index] as number) ^ 1;
      log.disk.replace(path, flipped);
      expect([index, (await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk })).status]).toEqual([index, 'tampered']);
    }
  });

  test('where both are there, the plain one wins', async () => {
    const log = await opened({ compress: false });
    await log.drive(log.append(3));
    await log.drive(log.writer.rotate());
    await log.drive(log.writer.close());
    log.disk.replace(`${DIRECTORY}/audit-00000001.jsonl.gz`, Buffer.from('half a file'));
    await log.check();
  });
});

describe('recovery', () => {
  const crashed = async (): Promise<SimulatedLog> => {
    const log = await opened();
    await log.drive(log.append(3));
    await log.drive(log.writer.checkpoint());
    await log.drive(log.append(4));
    log.disk.crash();
    log.disk = log.disk.restart('kill');
    return log;
  };
  const path = `${DIRECTORY}/audit-00000001.jsonl`;

  test('says which records no checkpoint vouched for; those alone are not authenticated', async () => {
    const log = await crashed();
    await log.open();
    await log.drive(log.append(1));
    await log.drive(log.writer.close());
    await log.check();
    const { logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk });
    expect(logs[0]).toMatchObject({ status: 'authentic', notAuthenticated: [{ from: 5, to: 9, why: 'recovered' }] });
  });

  test('a forged tail is in that range', async () => {
    const log = await crashed();
    const last = log.disk.contents(path).toString().trimEnd().split('\n').at(-1) as string;
    const forged = `{"n":9,"prev":"${leafHash(Buffer.from(last)).toString('base64')}","eventType":"forged"}\n`;
    log.disk.replace(path, Buffer.concat([log.disk.contents(path), Buffer.from(forged)]));
    await log.open();
    await log.drive(log.writer.close());
    const { logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk });
    expect(logs[0]?.notAuthenticated).toEqual([{ from: 5, to: 10, why: 'recovered' }]);
  });

  test('a checkpoint kept from before the crash narrows the range', async () => {
    const log = await opened();
    await log.drive(log.append(3));
    const lost: string[] = [];
    await log.drive(log.writer.checkpoint());
    await log.drive(log.append(4));
    const bytes = log.disk.contents(path);
    await log.drive(log.writer.checkpoint());
    lost.push(log.checkpoints.at(-1) as string);
    log.disk.crash();
    log.disk = log.disk.restart('kill');
    // The checkpoint reached its keeper, and not the disk.
    log.disk.replace(path, bytes);
    await log.open();
    await log.drive(log.writer.close());
    const verify = async (checkpoint: string[]): Promise<unknown> => (await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint, fileSystem: log.disk })).logs[0]?.notAuthenticated;
    expect(await verify([])).toEqual([{ from: 5, to: 9, why: 'recovered' }]);
    expect(await verify(lost)).toEqual([]);
  });

  test('the boundary that was signed after the crash narrows nothing, also where it was kept', async () => {
    const log = await crashed();
    log.clock.jump(DAY_MS);
    await log.open();
    await log.drive(log.writer.close());
    expect(files(log)).toHaveLength(2);
    const { logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint: log.checkpoints, fileSystem: log.disk });
    expect(log.checkpoints.some((note) => note.split('\n')[1] === '9')).toBe(true);
    expect(logs[0]).toMatchObject({ status: 'authentic', notAuthenticated: [{ from: 5, to: 9, why: 'recovered' }] });
  });

  test.each([
    ['half a line', (text: string) => text.slice(0, -20), true],
    ['a line of zeros without an end', (text: string) => `${text}${'\0'.repeat(50)}`, true],
    ['a bad line before the last', (text: string) => text.replace('"sequence":1', '"sequence":2'), false],
    ['a whole line that is no record', (text: string) => `${text}nonsense\n`, false],
  ])('%s', async (_what, damage, repaired) => {
    const log = await crashed();
    log.disk.replace(path, Buffer.from(damage(log.disk.contents(path).toString())));
    if (repaired) {
      await log.open();
      await log.drive(log.append(1));
      await log.drive(log.writer.close());
      expect((await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk })).status).toBe('authentic');
    } else {
      const before = log.disk.contents(path);
      await expect(log.open()).rejects.toThrow(/^log_tampered/);
      expect(log.disk.contents(path)).toEqual(before);
    }
  });
});
