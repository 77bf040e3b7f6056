import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { event, openLog, temporaryDirectory } from './support/logs.js';
import { run, Running } from './support/run.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const sequences = (lines: readonly string[]): number[] => lines.map((line) => (JSON.parse(line) as { sequence: number }).sequence);
const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

/** `audit tail -f` that has begun: it has printed what was there, and waits. */
async function following(directory: string, ...args: string[]): Promise<Running> {
  const running = new Running(['audit', 'tail', '-f', directory, ...args]);
  while (running.clock.pendingTimers === 0) await turn();
  return running;
}

/** Lets it look until it has printed so many lines. */
async function prints(running: Running, count: number): Promise<void> {
  while (running.stdout.lines.length < count) {
    await running.clock.advance(250);
    await turn();
  }
}

describe('audit tail', () => {
  test('prints the newest events, ten unless it is told, and ends', async () => {
    const parent = temporaryDirectory();
    const log = await openLog(join(parent, 'order-service'));
    await log.append(upTo(15).map((sequence) => event(sequence)));
    await log.close();
    const tail = async (...args: string[]): Promise<number[]> => {
      const { code, err, lines } = await run(['audit', 'tail', parent, ...args]);
      expect([code, err]).toEqual([0, '']);
      return sequences(lines);
    };
    expect(await tail()).toEqual(upTo(10, 5));
    expect(await tail('-n', '3')).toEqual([12, 13, 14]);
    expect(await tail('--lines', '0')).toEqual([]);
    expect(await tail('-n', '2', '--type', 'connection', '--failed')).toEqual([3, 9]);
    const { lines } = await run(['audit', 'tail', parent, '-n', '1'], { terminal: true, env: { NO_COLOR: '1' } });
    expect(lines).toEqual([expect.stringMatching(/^TIME /), expect.stringMatching(/^2026-01-01T00:00:14\.000Z {2}order-service /)]);
  });

  test('-f goes on, over rotations and in logs that are begun meanwhile, until it is interrupted', async () => {
    const parent = temporaryDirectory();
    const log = await openLog(join(parent, 'order-service'), { compress: true });
    await log.append(upTo(5).map((sequence) => event(sequence)));
    const running = await following(parent, '-n', '2', '--json');
    expect(sequences(running.stdout.lines)).toEqual([3, 4]);
    await log.append([event(5)]);
    await log.rotate();
    await log.append([event(6)]);
    await prints(running, 4);
    const other = await openLog(join(parent, 'order-service'));
    await other.append([event(7)]);
    await prints(running, 5);
    await log.rotate();
    await log.append([event(8)]);
    await Promise.all([log.close(), other.close()]);
    await prints(running, 6);
    running.interrupt?.();
    expect(await running.code).toBe(0);
    expect(sequences(running.stdout.lines)).toEqual(upTo(6, 3));
    expect([running.stderr.text, running.interrupt]).toEqual(['', undefined]);
  });

  test('-f waits for a log where there is none yet', async () => {
    const parent = temporaryDirectory();
    const running = await following(parent, '--action', 'auth.failed');
    const log = await openLog(join(parent, 'order-service'));
    await log.append(upTo(4).map((sequence) => event(sequence)));
    await prints(running, 2);
    await log.close();
    running.interrupt?.();
    expect(await running.code).toBe(0);
    expect(sequences(running.stdout.lines)).toEqual([1, 3]);
  });

  test('-f ends when its reader has gone', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    const running = await following(log.directory);
    running.stdout._write = (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await log.append([event(0)]);
    let ended = false;
    void running.code.then(() => (ended = true));
    while (!ended) {
      await running.clock.advance(250);
      await turn();
    }
    expect([await running.code, running.stderr.text]).toEqual([0, '']);
    await log.close();
  });

  test('what cannot be followed is exit code 2, in words', async () => {
    const folder = temporaryDirectory();
    expect(await run(['audit', 'tail', folder])).toMatchObject({ code: 2, err: expect.stringContaining('there is no audit log in') });
    expect(await run(['audit', 'tail', '-f', join(folder, 'none')])).toMatchObject({ code: 2, err: expect.stringContaining('there is no ') });
    expect(await run(['audit', 'tail', folder, '-n', '-1'])).toMatchObject({ code: 2, err: expect.stringContaining('Give a whole number') });
    expect(await run(['audit', 'tail', folder, '-n', '1000000'])).toMatchObject({ code: 2, err: expect.stringContaining('from 0 to 100000') });
  });
});
