import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { csvCell } from '../src/output/csv-report.js';
import { reportForms } from '../src/output/report-files.js';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import { parseCsv } from './support/csv.js';
import { day, JANUARY, january } from './support/january.js';
import { writeLedger } from './support/ledgers.js';
import { publicKey, temporaryDirectory } from './support/support.js';

const clock = new FakeClock(day(34));

describe('a CSV', () => {
  test('has every value of the report', async () => {
    const directory = temporaryDirectory();
    await writeLedger(directory, january());
    const report = await reportFromLedger(directory, JANUARY, { publicKey, clock });
    const [header = [], ...rows] = parseCsv(reportForms(report).csv);
    const of = (section: string): Record<string, string>[] =>
      rows.filter(([name]) => name === section).map((row) => Object.fromEntries(row.map((cell, index) => [header[index] as string, cell] as const).filter(([name, cell]) => name !== 'section' && cell !== '')));
    const flat = (item: object): Record<string, string> =>
      Object.fromEntries(Object.entries(item).flatMap(([name, value]) => (typeof value === 'object' && !Array.isArray(value) ? Object.entries(value as object).map(([inner, each]) => [`${name}.${inner}`, String(each)]) : [[name, Array.isArray(value) ? JSON.stringify(value) : String(value)]])));
    const lists = { key: report.keys, class: report.classes, finding: report.findings, gap: report.gaps, change: report.changes, trail: report.trail, ledger: report.ledgers };
    for (const [section, items] of Object.entries(lists)) expect(of(section)).toEqual(items.map(flat));
    expect(of('audit log head')).toEqual(report.auditLogHeads.map((item) => flat({ ...item, note: item.note.replaceAll('\n', '\\u000a') })));
  });

  test('cell is quoted, and a number is no text', () => {
    expect([csvCell('a"b'), csvCell(-1), csvCell('-1'), csvCell(undefined), csvCell(true), csvCell([{ a: 1 }])]).toEqual(['"a""b"', '"-1"', '"\'-1"', '', '"true"', '"[{""a"":1}]"']);
  });
});
