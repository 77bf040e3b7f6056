import { describe, expect, test } from '@jest/globals';
import type { FileSystem, LogFile } from '../src/file-system.js';
import { queryLog } from '../src/query.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { delegating } from './support/delegating.js';
import { SimulatedDisk, type DiskFault, type DiskStep } from './support/simulated-disk.js';
import { DIRECTORY, SimulatedLog } from './support/simulated-log.js';

const DAY_MS = 86_400_000;

/** A disk on which something happens right before the reader's step `at`. */
function interrupted(disk: SimulatedDisk, at: number, happens: () => Promise<void>): { fileSystem: FileSystem; steps(): number } {
  let steps = 0;
  const step = async <T>(act: () => Promise<T>): Promise<T> => {
    steps += 1;
    if (steps === at) await happens();
    return act();
  };
  const reading = (file: LogFile): LogFile => ({ ...file, read: (into, position) => step(() => file.read(into, position)) });
  const fileSystem = delegating(disk, {
    list: (directory) => step(() => disk.list(directory)),
    status: (path) => step(() => disk.status(path)),
    open: (path) => step(async () => reading(await disk.open(path))),
  });
  return { fileSystem, steps: () => steps };
}

/** What the disk refuses next, once. */
let refused: { readonly kind: DiskStep['kind']; readonly how: DiskFault } | undefined;
const refusing = (kind: DiskStep['kind'], how: DiskFault) => async (log: SimulatedLog): Promise<void> => {
  refused = { kind, how };
  await log.drive(log.append(3));
  await log.drive(log.append(1));
};

/** What a living writer does beside a reader. */
const HAPPENINGS: Record<string, (log: SimulatedLog) => Promise<void>> = {
  'a commit': (log) => log.drive(log.append(3)),
  'a rotation and compression': async (log) => {
    await log.drive(log.writer.rotate());
    await log.drive(log.append(1));
    await log.putAway();
  },
  'several rotations': async (log) => {
    for (let round = 0; round < 3; round++) {
      await log.drive(log.append(2));
      await log.drive(log.writer.rotate());
      await log.putAway();
    }
  },
  retention: async (log) => {
    for (let day = 0; day < 4; day++) {
      await log.clock.advance(DAY_MS);
      await log.drive(log.append(1));
      await log.putAway();
    }
    while (log.disk.paths.some((path) => path.includes('audit-00000001'))) await log.clock.advance(0);
  },
  'a change of key': async (log) => log.drive(log.writer.rotateKey(log.nextKey)),
  'a sync that fails': refusing('sync', 'fail'),
  'a disk that is full for a moment': refusing('write', 'full'),
};

async function opened(): Promise<SimulatedLog> {
  refused = undefined;
  const fault = ({ kind }: DiskStep): DiskFault | undefined => {
    if (kind !== refused?.kind) return undefined;
    const { how } = refused;
    refused = undefined;
    return how;
  };
  const log = new SimulatedLog(new SimulatedDisk(fault), { compress: true, retentionDays: 2 });
  await log.open();
  for (let segment = 0; segment < 2; segment++) {
    await log.drive(log.append(3));
    await log.drive(log.writer.rotate());
    await log.putAway();
  }
  await log.drive(log.append(2));
  await log.drive(log.writer.checkpoint());
  return log;
}

describe.each(Object.entries(HAPPENINGS))('%s at each single step of a reader', (name, happens) => {
  test('never looks like tampering', async () => {
    for (let at = 1, steps = at; at <= steps; at++) {
      const log = await opened();
      const interruption = interrupted(log.disk, at, () => happens(log));
      const { status, logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint: [...log.checkpoints], fileSystem: interruption.fileSystem });
      // Where all that the kept checkpoints cover is retired, nothing is left to compare them with.
      const isCompared = logs[0]?.notAuthenticated.every(({ why }) => why !== 'not compared');
      expect([at, status, logs[0]?.problem]).toEqual([at, isCompared === true ? 'authentic' : 'consistent', undefined]);
      steps = interruption.steps();
      expect(steps).toBeGreaterThan(5);
    }
  });

  test('hides no event of the log from a query', async () => {
    for (let at = 1, steps = at; at <= steps; at++) {
      const log = await opened();
      const acknowledged = [...log.acknowledged];
      const interruption = interrupted(log.disk, at, () => happens(log));
      const found = new Map<number, string>();
      for await (const { n, event } of queryLog(DIRECTORY, { fileSystem: interruption.fileSystem })) found.set(n, JSON.stringify(event));
      const retired = (await verifyAuditLog(DIRECTORY, { fileSystem: log.disk })).logs[0]?.retired?.to ?? 0;
      if (name === 'retention' && at < 3) expect(retired).toBeGreaterThan(0);
      for (const [index, event] of acknowledged) if (index >= retired) expect([at, index, found.get(index)]).toEqual([at, index, event]);
      steps = interruption.steps();
    }
  });
});

describe('a folder that changes while it is listed', () => {
  /** Of what is listed the first time the newest segment is not there yet, and an older one is compressed already. */
  const tornListing = (disk: SimulatedDisk, times: number): FileSystem => {
    let listings = 0;
    return delegating(disk, {
      list: async (directory) => {
        const names = (await disk.list(directory)).sort();
        // The folder itself is listed for logs in it, for its stamp, then to be read.
        return listings++ < times ? names.slice(0, -1) : names;
      },
    });
  };

  test('is looked at again before the log is called tampered with', async () => {
    const log = await opened();
    const verify = (times: number): ReturnType<typeof verifyAuditLog> => verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint: log.checkpoints, fileSystem: tornListing(log.disk, times) });
    expect((await verify(0)).status).toBe('authentic');
    for (const times of [2, 3, 4]) expect([times, (await verify(times)).status]).toEqual([times, 'authentic']);
    expect((await verify(1000)).status).toBe('tampered');
  });
});
