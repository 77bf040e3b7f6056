import { describe, expect, test } from '@jest/globals';
import { FakeClock, systemClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { reportForms } from '../src/output/report-files.js';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import { DAY, HOUR, keyEvent, retiredKey } from './support/key-events.js';
import { START } from './support/ledgers.js';
import { complianceAdapter, publicKey, temporaryDirectory } from './support/support.js';

const SESSIONS = 1000;
const HOURS = 100;

/** A thousand sessions that rotate hourly for four days: one of them late once, one certificate among them. */
function* fourDays(): Generator<MeshAuditEvent, void, undefined> {
  yield keyEvent(START, 'key.activated', { keyType: 'certificate', keyId: 'certificate', trigger: 'start' });
  for (let hour = 0; hour < HOURS; hour++) {
    for (let session = 0; session < SESSIONS; session++) {
      if (session === 500 && hour > 50 && hour < 100) continue;
      const at = START + hour * HOUR + session * 3600;
      const keyId = `${session}-${hour}`;
      yield hour === 0
        ? keyEvent(at, 'key.activated', { keyId, trigger: 'start' })
        : keyEvent(at, 'key.rotated', { keyId, previousKeyId: `${session}-${hour - 1}`, retired: retiredKey(at - HOUR, at, { records: session, bytes: hour }) });
    }
  }
}

/** The most that is alive, in MiB over what was when it began: garbage does not count. */
class LiveMemory {
  readonly #before = LiveMemory.#used();
  #most = 0;
  readonly #timer = setInterval(() => (this.#most = Math.max(this.#most, LiveMemory.#used() - this.#before)), 500);

  end(): number {
    clearInterval(this.#timer);
    return Math.round(Math.max(this.#most, LiveMemory.#used() - this.#before));
  }

  static #used(): number {
    (globalThis as { gc?: () => void }).gc?.();
    return process.memoryUsage().heapUsed / 2 ** 20;
  }
}

describe('a hundred thousand changes', () => {
  test('are taken in bounded memory, and make a report of bounded size, with exact sums, and with what matters first', async () => {
    const directory = temporaryDirectory();
    let now = START;
    const clock = { ...systemClock, now: () => now };
    const adapter = complianceAdapter(directory, { clock, heartbeatMs: DAY });
    const taking = new LiveMemory();
    const began = performance.now();
    let count = 0;
    const batch: MeshAuditEvent[] = [];
    for (const event of fourDays()) {
      count += 1;
      now = event.timestamp.getTime();
      batch.push(event);
      if (batch.length === 500) await adapter.logEvents(batch.splice(0), { signal: new AbortController().signal });
    }
    await adapter.logEvents(batch.splice(0));
    const taken = performance.now();
    // The adapter itself has nothing of any key: what grows is the log's tree, by a few hashes.
    const takingMiB = taking.end();
    expect(takingMiB).toBeLessThan(40);
    await adapter.close();

    const reporting = new LiveMemory();
    const report = await reportFromLedger(directory, { from: new Date(START), to: new Date(START + 5 * DAY) }, { publicKey, clock: new FakeClock(START + 6 * DAY), maxRows: 500 });
    const reported = performance.now();
    const reportingMiB = reporting.end();

    expect(count).toBeGreaterThan(99_900);
    expect(report.summary).toMatchObject({ keys: 99_952, retired: 98_951, destroyed: 98_951, findings: 2 });
    expect(report.findings.map(({ kind, keyId }) => [kind, keyId])).toEqual([['overdue', '500-50'], ['beyond hard limit', '500-50']]);
    expect(report.keys).toHaveLength(500);
    expect(report.keys[0]?.keyId).toBe('certificate');
    expect(report.keys.map(({ keyId }) => keyId)).toContain('500-50');
    expect(report.notListed).toMatchObject({ keys: 99_952 - 500, changes: report.summary.changes - 500, findings: 0 });
    expect(report.classes.reduce((sum, { keys }) => sum + keys, 0)).toBe(99_952);
    // All entries at once would take over 200.
    expect(reportingMiB).toBeLessThan(60);
    const forms = reportForms(report);
    expect(forms.html.length).toBeLessThan(2 ** 20);
    console.log(`${count} events: taken in ${Math.round(taken - began)} ms (${takingMiB} MiB), reported in ${Math.round(reported - taken)} ms (${reportingMiB} MiB), HTML ${Math.round(forms.html.length / 1024)} KiB`);
  }, 120_000);
});
