// A sink that takes hardly anything under 50,000 events/s, on a real disk: nothing is lost, and memory stays within the lane's bound.
import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { silentLogger, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../../src/audit-logger.js';
import { never } from '../support.js';
import { imbalance, lane, temporaryFolder } from './spilling.js';

const collect = (globalThis as { gc?: () => void }).gc!;
const PER_MS = 50;
/** A process that stalls offers fewer for a while, and does not make up for it by a burst. */
const PER_TURN = 500;
const EVENTS = 30_000;
const laneBytes = 16 * 1_048_576;

/** How long this process has run: one that gets a tenth of a core offers a tenth. It never waits here, so on a machine of its own that is the time that passes. */
const runMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

let isWell = false;
const taken: number[] = [];
const take = (sequence: number): void => void taken.push(sequence);
const sinks: Record<string, ManagedAdapter> = {
  'that hangs': { name: 'sink', logEvent: ({ sequence }) => (isWell ? Promise.resolve(take(sequence)) : never()) },
  'that throws': {
    name: 'sink',
    logEvent: ({ sequence }) => {
      if (!isWell) throw new Error('down');
      return Promise.resolve(take(sequence));
    },
  },
  'that takes one event a second': {
    name: 'sink',
    logEvent: ({ sequence }) => (isWell ? Promise.resolve(take(sequence)) : new Promise((resolve) => void setTimeout(() => resolve(take(sequence)), 1_000).unref())),
  },
};

test.each(Object.keys(sinks))('a sink %s', async (name) => {
  isWell = false;
  taken.length = 0;
  // In memory where that is possible: what other tests do with the disk is not what is tested here.
  const folder = temporaryFolder(existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const audit = new AuditLogger({ adapters: [sinks[name]!], logger: silentLogger, laneBytes, laneEvents: 20_000, deliveryTimeoutMs: 3_000, retryDelayMs: 20, flushMs: 20_000, spill: { directory: folder.path } });
  try {
    await audit.start();
    collect();
    const before = process.memoryUsage().heapUsed;
    let [most, recorded] = [0, 0];
    for (let last = runMs(); recorded < EVENTS; await new Promise((resolve) => setImmediate(resolve))) {
      const now = runMs();
      const due = Math.min(EVENTS, recorded + Math.min(PER_TURN, Math.floor((now - last) * PER_MS)));
      if (due > recorded) last = now;
      for (; recorded < due; recorded++) {
        audit.record({
          eventType: recorded % 3 === 0 ? 'connection' : 'message',
          targetServiceId: `service-${recorded}`,
          details: { action: 'message.sent', success: true, duration: 1.25, metadata: { method: `charge${recorded}`, text: 'x'.repeat(50) } },
        });
      }
      most = Math.max(most, lane(audit).queued);
    }
    collect();
    const grown = process.memoryUsage().heapUsed - before;
    const { queued, spilled, dropped, deadLettered, delivered } = lane(audit);
    expect([dropped, deadLettered]).toEqual([0, 0]);
    expect(queued + spilled + delivered).toBe(EVENTS + 1);
    expect(most).toBeLessThan(20_000);
    // What is being written is text for a moment as well.
    expect(grown).toBeLessThan(laneBytes + 8 * 1_048_576);
    isWell = true;
    while (lane(audit).queued + lane(audit).spilled > 0) await audit.flush();
    expect(imbalance(lane(audit))).toBe(0);
    expect(lane(audit)).toMatchObject({ dropped: 0, deadLettered: 0, delivered: EVENTS + 1 });
    // A hanging delivery may have been taken for failed: then its event came twice.
    const first = [...new Set(taken)];
    expect(first).toEqual(Array.from({ length: EVENTS + 1 }, (_, index) => index + 1));
  } finally {
    isWell = true;
    await audit.close();
    folder.remove();
  }
}, 60_000);
