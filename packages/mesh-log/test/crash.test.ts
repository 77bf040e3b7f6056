import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SimulatedDisk, type DiskFault, type DiskStep, type Loss, type Luck } from './support/simulated-disk.js';
import { Crashed, SimulatedLog, unlessCrashed } from './support/simulated-log.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Everything a log does: opening, commits of many callers, checkpoints, rotation, compression, retention, a key change, closing. */
async function life(log: SimulatedLog): Promise<void> {
  await log.open();
  await log.drive(Promise.all([log.append(3), log.append(1), log.append(2)]));
  await log.drive(log.writer.checkpoint());
  await log.drive(log.append(2));
  await log.drive(log.writer.rotate());
  await log.drive(Promise.all([log.append(1), log.append(2)]));
  await log.putAway();
  for (let time = 0; time < 2; time++) {
    await log.clock.advance(2 * DAY_MS);
    await log.drive(log.append(1));
    await log.putAway();
  }
  await log.drive(log.writer.close());
}

async function afterwards(log: SimulatedLog, loss: Loss): Promise<void> {
  log.disk = log.disk.restart(loss);
  await log.open();
  await log.drive(log.append(2));
  await log.check();
  await log.drive(log.writer.close());
  await log.check();
}

const alternating = (first: number): Luck => {
  let luck = first;
  return () => (luck = 1 - luck);
};
const LOSSES: Record<string, Loss> = {
  'kill -9': 'kill',
  'power lost, nothing unsynced kept': () => 0,
  'power lost, all names and half of each write kept': () => 0.5,
  'power lost, every second block kept, zeros between': { blocks: alternating(0) },
  'power lost, the other blocks kept': { blocks: alternating(1) },
};
const options = { retentionDays: 1.5, compress: true } as const;

async function stepsOfALife(): Promise<DiskStep[]> {
  const steps: DiskStep[] = [];
  const log = new SimulatedLog(new SimulatedDisk((step) => void steps.push(step)), options);
  await life(log);
  await log.check();
  return steps;
}

describe('a log whose process or disk fails at each single step of its life', () => {
  test('has a life with every kind of step in it', async () => {
    const steps = await stepsOfALife();
    expect(new Set(steps.map(({ kind }) => kind))).toEqual(
      new Set(['makeDirectory', 'create', 'write', 'sync', 'syncDirectory', 'rename', 'unlink', 'list', 'status', 'open', 'read']),
    );
    expect(steps.some(({ kind, path }) => kind === 'rename' && path.endsWith('.gz.tmp'))).toBe(true);
    expect(steps.length).toBeGreaterThan(50);
  });

  // Before a step is after the one before it.
  const crashes: DiskFault[] = ['crash half way', 'crash after'];
  test.each(crashes.flatMap((fault) => Object.entries(LOSSES).map(([name, loss]) => ({ fault, name, loss }))))('$fault, $name: nothing acknowledged is lost', async ({ fault, loss }) => {
    const steps = (await stepsOfALife()).filter(({ kind, number }) => (fault === 'crash half way' ? kind === 'write' : number > 0));
    let crashed = 0;
    for (const { number: at } of steps) {
      const log = new SimulatedLog(new SimulatedDisk(({ number }) => (number === at ? fault : undefined)), options);
      await unlessCrashed(life(log));
      // Compression runs beside the rest: not every life has the same number of steps.
      if (log.disk.crashed) crashed += 1;
      await afterwards(log, loss);
    }
    expect(crashed).toBeGreaterThan(steps.length * 0.8);
  });

  test.each(['fail', 'full'] as const)('%s: the log goes on, and nothing is lost or doubled', async (fault) => {
    // Of the many times that it only looks, some.
    const steps = (await stepsOfALife()).filter(({ kind, number }) => (fault === 'fail' ? number > 0 || number % 7 === 0 : kind === 'write' || kind === 'create'));
    for (const { number: at } of steps) {
      for (const failures of at > 0 && at % 3 === 0 ? [1, 4] : [1]) {
        let alive = true;
        const log = new SimulatedLog(new SimulatedDisk(({ number }) => (alive && number >= at && number < at + failures ? fault : undefined)), options);
        await unlessCrashed(life(log));
        alive = false;
        // A log that could not even be begun.
        if (log.checkpoints.length > 0) await log.check();
        const events = [...log.acknowledged.values()];
        expect(new Set(events).size).toBe(events.length);
        await afterwards(log, () => 0);
      }
    }
  });
});

test('pages that a failed sync left in the cache, called clean, are written again by the next process', async () => {
  let failing = false;
  // The sync fails, and the process is killed before it can begin a new segment.
  const log = new SimulatedLog(new SimulatedDisk(({ kind }) => (!failing ? undefined : kind === 'sync' ? 'fail' : kind === 'create' ? 'crash before' : undefined)));
  await log.open();
  await log.drive(log.append(1));
  failing = true;
  await expect(log.drive(log.append(5))).rejects.toThrow(Crashed);
  log.disk = log.disk.restart('kill');
  await log.open();
  await log.drive(log.append(3));
  log.disk.crash();
  log.disk = log.disk.restart(() => 0);
  await log.open();
  await log.check();
  expect(log.acknowledged.size).toBe(4);
});

describe('random lives', () => {
  const batch = { count: fc.integer({ min: 1, max: 12 }), bytes: fc.constantFrom(0, 40, 1500) };
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), ...batch, wait: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('rotate' as const, 'checkpoint' as const, 'reopen' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(500, 1500, HOUR_MS, DAY_MS) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('crash' as const),
        ...batch,
        after: fc.integer({ min: 1, max: 8 }),
        how: fc.constantFrom<DiskFault>('crash before', 'crash half way', 'crash after'),
        loss: fc.constantFrom('kill' as const, 'parts' as const, 'blocks' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fault' as const), after: fc.integer({ min: 1, max: 6 }), length: fc.integer({ min: 1, max: 3 }), how: fc.constantFrom<DiskFault>('fail', 'full') }) },
  );
  const lives = fc.record({
    rotation: fc.constantFrom('daily' as const, 'hourly' as const, { maxBytes: 8192 }),
    sync: fc.constantFrom('group' as const, 'group' as const, 'none' as const),
    compress: fc.boolean(),
    luck: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
    steps: fc.array(step, { minLength: 5, maxLength: 16, size: 'max' }),
  });

  const SOAK = Number(process.env['MESH_SOAK'] ?? 1);
  const RUNS = 60 * SOAK;

  test('lose nothing acknowledged and verify against every checkpoint ever signed', async () => {
    const crashes = { kill: 0, parts: 0, blocks: 0 };
    let torn = 0;
    await fc.assert(
      fc.asyncProperty(lives, async ({ rotation, sync, compress, luck, steps }) => {
        let planned: { at: number; length: number; how: DiskFault } | undefined;
        const fault = ({ number }: DiskStep): DiskFault | undefined => (planned !== undefined && number >= planned.at && number < planned.at + planned.length ? planned.how : undefined);
        let thrown = 0;
        const dice: Luck = () => luck[thrown++ % luck.length] as number;
        const log = new SimulatedLog(new SimulatedDisk(fault), { rotation, sync, compress });
        let loss: keyof typeof crashes = 'kill';
        const restart = async (): Promise<void> => {
          planned = undefined;
          log.disk = log.disk.restart(loss === 'kill' ? 'kill' : loss === 'parts' ? dice : { blocks: dice }, fault);
          // What no checkpoint covers is acknowledged, and may go with the power all the same.
          if (loss !== 'kill' && sync === 'none') log.forgetUncovered();
          await log.open();
          if (log.writer.state.kind === 'open' && log.disk.contents(log.disk.paths.at(-1) as string).includes('"abandoned":[{')) torn += 1;
        };
        await log.open();
        for (const command of steps) {
          try {
            if (command.do === 'append') {
              const appended = log.append(command.count, command.bytes);
              if (command.wait) await log.drive(appended);
              else appended.catch(() => undefined);
            } else if (command.do === 'rotate') await log.drive(log.writer.rotate());
            else if (command.do === 'checkpoint') await log.drive(log.writer.checkpoint());
            else if (command.do === 'time') await log.clock.advance(command.ms);
            else if (command.do === 'crash') {
              planned = { at: log.disk.steps + command.after, length: 1, how: command.how };
              loss = command.loss;
              for (let batches = 0; batches < command.after; batches++) await log.drive(log.append(command.count, command.bytes));
            } else if (command.do === 'fault') planned = { at: log.disk.steps + command.after, length: command.length, how: command.how };
            else {
              await unlessCrashed(log.drive(log.writer.close()));
              loss = 'kill';
              await restart();
            }
            if (log.disk.crashed) throw new Crashed();
          } catch (error) {
            if (!(error instanceof Crashed)) throw error;
            crashes[loss] += 1;
            await restart();
            await log.check();
          }
        }
        planned = undefined;
        log.disk.crash();
        loss = 'parts';
        await restart();
        await log.check();
      }),
      { numRuns: RUNS },
    );
    // Few crashes would show little.
    for (const count of Object.values(crashes)) expect(count).toBeGreaterThan(RUNS / 3);
    expect(torn).toBeGreaterThan(RUNS / 10);
  }, 300_000 * SOAK);
});
