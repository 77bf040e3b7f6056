import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { signReport } from '../src/output/report-files.js';
import type { ComplianceReport, ReportPeriod } from '../src/report/compliance-report.js';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import type { ReportOptions } from '../src/report/report-options.js';
import { day, JANUARY, january } from './support/january.js';
import { DAY, HOUR, keyEvent, retiredKey, SESSION_POLICY, systemEvent } from './support/key-events.js';
import { alive, START, started, stopped, writeLedger } from './support/ledgers.js';
import { key, publicKey, temporaryDirectory } from './support/support.js';

const FEBRUARY = new FakeClock(day(34));

async function reportOf(entries: readonly MeshAuditEvent[], period: ReportPeriod = JANUARY, options: ReportOptions = {}): Promise<ComplianceReport> {
  const directory = temporaryDirectory();
  await writeLedger(directory, entries);
  return reportFromLedger(directory, period, { publicKey, clock: FEBRUARY, ...options });
}

/** Of one key, for tests about it alone. */
async function rowOf(keyId: string, entries: readonly MeshAuditEvent[], period = JANUARY) {
  const { keys, findings, summary } = await reportOf(entries, period);
  return { row: keys.find((each) => each.keyId === keyId), findings: findings.filter((finding) => finding.keyId === keyId).map(({ kind }) => kind), summary };
}

describe('a report of a month', () => {
  let report: ComplianceReport;
  const ready = reportOf(january()).then((made) => (report = made));
  test('is the one that was looked at, in each of its forms', async () => {
    await ready;
    const { json, csv, html, note } = signReport(report, key);
    for (const [form, text] of Object.entries({ json, csv, html, note })) {
      const file = new URL(`golden/january.${form}`, import.meta.url);
      if (process.env['UPDATE_GOLDEN'] !== undefined || !existsSync(file)) writeFileSync(file, text);
      expect(text).toBe(readFileSync(file, 'utf8'));
    }
  });

  test('names the requirement by both its numbers', async () => {
    await ready;
    expect(report.title).toBe('Supporting evidence on key management for PCI DSS 3.7.4 (v3.2.1: 3.6.4)');
    expect(report.requirement).toMatchObject({ standard: 'PCI DSS', version: 'v4.0.1', requirement: '3.7.4 (v3.2.1: 3.6.4)' });
  });

  test('calls nothing compliant, and says what it is', async () => {
    await ready;
    expect(JSON.stringify(report)).not.toMatch(/complian|certif(y|ies|ied)|attests/i);
    expect(report.scope[0]).toMatch(/supporting evidence.*neither an assessment nor an attestation/s);
  });

  test('has each key with when it came and went, its age, its volume and what it was due to', async () => {
    await ready;
    const of = (keyId: string) => report.keys.find((row) => row.keyId === keyId);
    expect(of('payment-1')).toEqual({
      service: 'order-service', ledger: 'order-service', keyType: 'session', keyId: 'payment-1', algorithm: 'AES-256-GCM', peerId: 'spiffe://mesh.example/payment-service', policy: SESSION_POLICY,
      createdAt: '2026-01-01T01:00:00.000Z', activatedAt: '2026-01-01T01:00:00.000Z', activatedBy: 'start', state: 'retired', retiredAt: '2026-01-02T01:00:00.000Z', retiredBy: 'interval', ageMs: DAY,
      records: 1000, bytes: 65_536, destroyed: true, failedChanges: 0,
    });
    expect(of('payment-3')).toMatchObject({ activatedBy: 'records', retiredBy: 'compromise', previousKeyId: 'payment-2' });
    expect(of('static-2')).toMatchObject({ activatedBy: 'manual', retiredBy: 'compromise', sessionsRekeyed: 2 });
    expect(of('payment-4')).toMatchObject({ activatedBy: 'compromise', retiredBy: 'session end' });
    expect(of('user-2')).toMatchObject({ retiredBy: 'compromise' });
    // The next process went on with the certificate: one key, from its issue to its change.
    expect(of('certificate-1')).toMatchObject({ createdAt: '2025-12-31T00:00:00.000Z', activatedAt: '2026-01-01T00:00:00.000Z', retiredBy: 'certificate', ageMs: 18 * DAY });
    // These died with it.
    expect(of('payment-5')).toMatchObject({ state: 'end not seen', ageMs: 0 });
    expect(of('static-3')).toMatchObject({ state: 'end not seen' });
    expect(of('certificate-2')).toMatchObject({ state: 'in use', ageMs: 13 * DAY });
    expect(of('payment-7')).toMatchObject({ state: 'in use', ageMs: 12 * HOUR });
    expect(of('payment-8')).toBeUndefined();
  });

  test('finds what was late, beyond its limit, or failed, and nothing else', async () => {
    await ready;
    expect(report.findings.map(({ kind, keyId, at }) => [kind, keyId, at])).toEqual([
      ['change failed', 'user-1', '2026-01-02T01:00:00.000Z'],
      ['overdue', 'user-1', '2026-01-02T01:00:00.000Z'],
      ['beyond hard limit', 'user-1', '2026-01-03T07:00:00.000Z'],
    ]);
    expect(report.findings.map(({ text }) => text)).toEqual([
      'its change (interval) failed: keepalive_timeout: user-service gave no answer',
      'its change was 1 d 6 h late: in use for 2 d 6 h, to be changed after 1 d',
      'it was there for 2 d 6 h, its hard limit was 2 d',
    ]);
  });

  test('says what it cannot speak for, and why', async () => {
    await ready;
    expect(report.gaps.map(({ kind, from, to }) => [kind, from.slice(5, 16), to.slice(5, 16)])).toEqual([
      ['events lost', '01-10T00:00', '01-10T00:00'],
      ['ended without closing', '01-11T06:00', '01-11T12:10'],
      ['stopped', '01-25T00:00', '01-26T00:00'],
      ['silence', '01-26T00:00', '01-29T12:00'],
    ]);
    expect(report.gaps[0]?.text).toContain('17 events');
    expect(report.gaps[2]?.text).toContain('the mesh had stopped before it');
  });

  test('has the newest head of the audit log from before its end, with its note', async () => {
    await ready;
    expect(report.auditLogHeads).toMatchObject([{ size: 48_213, at: '2026-01-20T00:00:00.000Z', note: expect.stringMatching(/^secure-stack-mesh\/order-service\/0123456789abcdef\n48213\n/) }]);
  });

  test('has the verified ledger it is from', async () => {
    await ready;
    expect(report.ledgers).toEqual([expect.objectContaining({ ledger: 'order-service', origin: 'example.org/order-service', status: 'authentic', notAuthenticated: [], retired: 0 })]);
  });

  test('sums up by type, algorithm and period', async () => {
    await ready;
    const [certificates, sessions, statics] = report.classes;
    expect(certificates).toMatchObject({ keyType: 'certificate', keys: 2, inUse: 1, retired: 1, overdue: 0, longestMs: 18 * DAY });
    expect(sessions).toMatchObject({ keyType: 'session', keys: 9, inUse: 1, retired: 7, destroyed: 7, endNotSeen: 1, overdue: 1, mostRecords: 2_000_000, longestMs: 54 * HOUR });
    expect(statics).toMatchObject({ keyType: 'static', keys: 5 });
    expect(report.summary).toEqual({ keys: 16, inUse: 3, retired: 11, destroyed: 11, endNotSeen: 2, changes: expect.any(Number), findings: 3, gaps: 4 });
  });

  test('is the same whenever it is made', async () => {
    await ready;
    const later = await reportOf(january(), JANUARY, { clock: new FakeClock(day(300)) });
    expect({ ...later, generatedAt: '' }).toEqual({ ...report, generatedAt: '', ledgers: later.ledgers });
  });
});

describe('the edges of a period', () => {
  const at = START + 10 * DAY;
  const run = [started(START), ...Array.from({ length: 30 }, (_, index) => alive(START + (index + 1) * DAY))];
  const withKey = (from: number, to: number | undefined): MeshAuditEvent[] =>
    [
      ...run,
      keyEvent(from, 'key.activated', { keyId: 'k', trigger: 'start' }),
      ...(to === undefined ? [] : [keyEvent(to, 'key.retired', { keyId: 'k', trigger: 'start', retired: retiredKey(from, to) })]),
    ].sort((one, other) => one.timestamp.getTime() - other.timestamp.getTime());
  const period = { from: new Date(at), to: new Date(at + DAY) };

  test.each([
    ['ends a millisecond before', at - HOUR, at - 1, false],
    ['ends as it begins', at - HOUR, at, true],
    ['begins as it ends', at + DAY, at + DAY + 1, false],
    ['begins a millisecond before its end', at + DAY - 1, undefined, true],
    ['lies within', at + 1, at + 2, true],
    ['lies around', at - DAY / 2, at + 1.2 * DAY, true],
  ])('a key that %s', async (_what, from, to, isIn) => {
    const { keys, gaps } = await reportOf(withKey(from, to), period);
    expect(keys.map(({ keyId }) => keyId)).toEqual(isIn ? ['k'] : []);
    expect(gaps).toEqual([]);
  });

  test('changes are those from its beginning on, before its end', async () => {
    const changes = async (when: number): Promise<number> => (await reportOf(withKey(when, undefined), period)).changes.length;
    expect([await changes(at - 1), await changes(at), await changes(at + DAY - 1), await changes(at + DAY)]).toEqual([0, 1, 1, 0]);
  });

  test('what is in use at its end is as old as it is then, whatever became of it later', async () => {
    const { keys } = await reportOf(withKey(at + HOUR, at + 5 * DAY), period);
    expect(keys).toMatchObject([{ state: 'in use', ageMs: 23 * HOUR }]);
  });

  test('one that is not over goes until now, and says so', async () => {
    const { keys, gaps } = await reportOf(withKey(at, undefined).filter(({ timestamp }) => timestamp.getTime() <= at + 2 * DAY), { from: new Date(at), to: new Date(at + 100 * DAY) }, { clock: new FakeClock(at + 2 * DAY + HOUR) });
    expect(keys).toMatchObject([{ state: 'in use', ageMs: 2 * DAY + HOUR }]);
    expect(gaps).toMatchObject([{ kind: 'not over yet', from: new Date(at + 2 * DAY + HOUR).toISOString(), to: new Date(at + 100 * DAY).toISOString() }]);
  });

  test('one from before the ledger began, or in which no ledger has anything, is a gap', async () => {
    expect((await reportOf(run, { from: new Date(START - 5 * DAY), to: new Date(at) })).gaps).toMatchObject([{ kind: 'before the ledger', from: new Date(START - 5 * DAY).toISOString(), to: new Date(START).toISOString() }]);
    expect((await reportOf(run, { from: new Date(START - 9 * DAY), to: new Date(START - 5 * DAY) })).gaps).toMatchObject([{ kind: 'no ledger', service: 'order-service', from: new Date(START - 9 * DAY).toISOString() }]);
  });

  test('a short one between two heartbeats is covered', async () => {
    expect((await reportOf(run, { from: new Date(at + HOUR), to: new Date(at + 2 * HOUR) })).gaps).toEqual([]);
  });
});

describe('a key', () => {
  const run = [started(START), ...Array.from({ length: 32 }, (_, index) => alive(START + (index + 1) * DAY))];
  const inOrder = (...events: MeshAuditEvent[]): MeshAuditEvent[] => [...run, ...events].sort((one, other) => one.timestamp.getTime() - other.timestamp.getTime());

  test('that nobody changed is overdue though nobody said so', async () => {
    const { row, findings } = await rowOf('k', inOrder(keyEvent(day(5), 'key.activated', { keyId: 'k', trigger: 'start' })));
    expect(row).toMatchObject({ state: 'in use', overdueMs: 26 * DAY });
    expect(findings).toEqual(['overdue', 'beyond hard limit']);
  });

  test('is on time within a tenth of its period', async () => {
    const ended = (ageMs: number) => rowOf('k', inOrder(keyEvent(day(5), 'key.activated', { keyId: 'k', trigger: 'start' }), keyEvent(day(5) + ageMs, 'key.retired', { keyId: 'k', trigger: 'start', retired: retiredKey(day(5), day(5) + ageMs) })));
    expect((await ended(1.1 * DAY)).findings).toEqual([]);
    expect((await ended(1.1 * DAY + 1)).findings).toEqual(['overdue']);
    expect((await ended(2 * DAY + 1001)).findings).toEqual(['overdue', 'beyond hard limit']);
  });

  test('beyond its volume is found, both directions at their limit are not', async () => {
    const withRecords = (records: number) => rowOf('k', inOrder(keyEvent(day(5), 'key.activated', { keyId: 'k', trigger: 'start' }), keyEvent(day(5, 1), 'key.retired', { keyId: 'k', trigger: 'start', retired: retiredKey(day(5), day(5, 1), { records }) })));
    expect((await withRecords(8 * 1_048_576 + 32)).findings).toEqual([]);
    expect((await withRecords(8 * 1_048_576 + 33)).findings).toEqual(['beyond hard limit']);
  });

  test('without a period by time is never late', async () => {
    const { findings } = await rowOf('k', inOrder(keyEvent(day(1), 'key.activated', { keyId: 'k', trigger: 'start', policy: { maxRecords: 1_048_576, source: 'option' } })));
    expect(findings).toEqual([]);
  });

  test('from before the ledger is known by what is said of it at its end', async () => {
    const { row } = await rowOf('old', inOrder(keyEvent(day(5), 'key.rotated', { keyId: 'new', previousKeyId: 'old', retired: retiredKey(day(-3), day(5)) })));
    expect(row).toMatchObject({ activatedAt: new Date(day(-3)).toISOString(), state: 'retired', ageMs: 8 * DAY });
    expect(row).not.toHaveProperty('activatedBy');
  });

  test('whose end is said twice is one key, also over a restart', async () => {
    const end = keyEvent(day(5, 3), 'key.retired', { keyId: 'k', trigger: 'start', retired: retiredKey(day(5), day(5, 3)) });
    const { summary } = await rowOf('k', [started(START), keyEvent(day(5), 'key.activated', { keyId: 'k', trigger: 'start' }), end, started(day(5, 4)), end, alive(day(6))]);
    expect(summary).toMatchObject({ keys: 1, retired: 1, changes: 2 });
  });

  test('whose end comes out of the spill of the next process has ended, and did not die with it', async () => {
    const { row } = await rowOf('k', [
      started(START), keyEvent(day(5), 'key.activated', { keyId: 'k', trigger: 'start' }),
      started(day(5, 8)), keyEvent(day(5, 3), 'key.retired', { keyId: 'k', trigger: 'start', retired: retiredKey(day(5), day(5, 3)) }),
    ]);
    expect(row).toMatchObject({ state: 'retired', retiredAt: new Date(day(5, 3)).toISOString(), destroyed: true });
  });

  test('whose beginning comes out of the spill of the next process is not in use there', async () => {
    const { row } = await rowOf('late', [
      started(START), alive(day(5)),
      started(day(5, 8)),
      keyEvent(day(5, 3), 'key.activated', { keyId: 'late', trigger: 'start' }, { sequence: 900 }),
      systemEvent(day(5, 8), 'audit.start', undefined, { sequence: 3 }),
      keyEvent(day(5, 9), 'key.activated', { keyId: 'own', trigger: 'start' }, { sequence: 5 }),
      ...[6, 7, 8].map((number) => alive(day(number))),
    ]);
    expect(row).toMatchObject({ state: 'end not seen', ageMs: 0 });
  });

  test('that was not destroyed is shown as such', async () => {
    const { row, summary } = await rowOf('k', inOrder(keyEvent(day(5), 'key.retired', { keyId: 'k', trigger: 'start', retired: retiredKey(day(4), day(5), { destroyed: false }) })));
    expect([row?.destroyed, summary.destroyed]).toEqual([false, 0]);
  });

  test('that is not to be read is counted among the gaps', async () => {
    const { gaps, keys } = await reportOf(inOrder(
      keyEvent(day(5), 'key.activated', { keyId: '[redacted]', trigger: 'start' }),
      keyEvent(day(6), 'key.activated', { keyId: '[redacted]', trigger: 'start' }),
      keyEvent(day(7), 'key.activated', { keyId: 'k', keyType: undefined as never, trigger: 'start' }),
    ));
    expect(keys).toEqual([]);
    expect(gaps).toMatchObject([{ kind: 'no readable key', from: new Date(day(5)).toISOString(), to: new Date(day(7)).toISOString(), text: expect.stringContaining('3 events') }]);
  });
});

describe('several services and instances', () => {
  async function three(): Promise<string> {
    const directory = temporaryDirectory();
    const of = (service: string, keyId: string): MeshAuditEvent[] => [started(day(1), service), keyEvent(day(2), 'key.activated', { keyId, trigger: 'start' }, { serviceId: service }), stopped(day(2, 1), service)];
    await writeLedger(directory, of('order-service', 'a'));
    await writeLedger(directory, of('order-service', 'b'), 'order-service-2');
    await writeLedger(directory, of('payment-service', 'c'), 'payment-service');
    return directory;
  }

  test('are all in a report of their folder, and one is alone where it is asked for', async () => {
    const directory = await three();
    const all = await reportFromLedger(directory, JANUARY, { publicKey, clock: FEBRUARY });
    expect([all.services, all.keys.map(({ keyId }) => keyId), all.ledgers.map(({ ledger }) => ledger)]).toEqual([['order-service', 'payment-service'], ['a', 'b', 'c'], ['order-service', 'order-service-2', 'payment-service']]);
    const one = await reportFromLedger(directory, JANUARY, { publicKey, clock: FEBRUARY, service: 'order-service' });
    expect([one.services, one.keys.map(({ keyId }) => keyId)]).toEqual([['order-service'], ['a', 'b']]);
    // An instance that was stopped for good has nothing to do with later periods, the service has.
    const february = await reportFromLedger(directory, { from: JANUARY.to, to: new Date(day(33)) }, { publicKey, clock: FEBRUARY, service: 'order-service' });
    expect(february.gaps.map(({ kind, ledger }) => [kind, ledger])).toEqual([['no ledger', '']]);
  });

  test('what is no ledger is passed over; where there is none at all that is said', async () => {
    const directory = await three();
    await writeLedger(directory, [systemEvent(day(1), 'audit.start'), systemEvent(day(1), 'connection.open', {}, { eventType: 'connection' })], 'some-audit-log');
    expect((await reportFromLedger(directory, JANUARY, { clock: FEBRUARY })).services).toEqual(['order-service', 'payment-service']);
    await expect(reportFromLedger(temporaryDirectory(), JANUARY)).rejects.toMatchObject({ reason: 'invalid_option', message: expect.stringContaining('there is no ledger in') });
    await expect(reportFromLedger(directory, JANUARY, { service: 'other' })).rejects.toThrow("there is no ledger of 'other'");
  });
});

describe('what is asked for', () => {
  test('is checked, all of it at once', async () => {
    const wrong = reportFromLedger('/nowhere', { from: new Date(Number.NaN), to: 'soon' as unknown as Date }, { standard: 'PCI-DSS', requirement: '99', service: '', maxRows: 0, more: 1 } as ReportOptions);
    await expect(wrong).rejects.toMatchObject({ reason: 'invalid_option', details: { problems: expect.arrayContaining([expect.stringMatching(/^from:/), expect.stringMatching(/^to:/), expect.stringMatching(/^requirement:.*3\.7\.4 \(v3\.2\.1: 3\.6\.4\)/), expect.stringMatching(/^service:/), expect.stringMatching(/^maxRows:/), expect.stringMatching(/^more:/)]) } });
    await expect(reportFromLedger('/nowhere', { from: JANUARY.to, to: JANUARY.from })).rejects.toThrow('to: nothing is from');
    await expect(reportFromLedger('/nowhere', JANUARY, { standard: 'SOC2' })).rejects.toThrow('standard and requirement go together');
  });

  test('may be another standard than the ledger was kept for', async () => {
    expect((await reportOf(january(), JANUARY, { standard: 'ISO 27001', requirement: 'A.10.1.2' })).title).toBe('Supporting evidence on key management for ISO/IEC 27001 A.8.24 (2013: A.10.1.1, 2013: A.10.1.2)');
  });

  test('without a key the ledger is consistent at best; under another it is not authentic', async () => {
    const [ledger] = (await reportOf(january(), JANUARY, { publicKey: undefined })).ledgers;
    expect(ledger).toMatchObject({ status: 'consistent', notAuthenticated: [{ why: 'no key' }] });
    await expect(reportOf(january(), JANUARY, { publicKey: Buffer.alloc(32, 9).toString('base64') })).rejects.toMatchObject({ reason: 'log_tampered' });
  });
});
