// For `npm run bench -- --audit-sinks`: events a second that FileAdapter acknowledges as durable, beside what Node.js programs log to files with.
// Asserts nothing. All sinks write to the same disk, taking turns, and get the same events.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EndProcess } from '../processes.mjs';

const REFERENCE = 'append + fdatasync each';
const CALLERS = [1, 16, 256, 4096];
/** In what way each tells that it has an event. */
const SINKS = [
  [REFERENCE, [1], 'durable'],
  ['FileAdapter', CALLERS, 'durable'],
  ['winston File', [0], 'no'],
  ['winston-daily-rotate-file', [0], 'no'],
  ['pino.destination sync:false', [0], 'no'],
  ['sonic-boom', [0], 'no'],
  ['sonic-boom fsync:true', [0], 'no; synced a write'],
];

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];
const digits = (value) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} k` : value.toFixed(0));

/** @param {{ rounds: number, durationMs: number }} settings @returns the table as text */
export async function compareAuditSinks({ rounds, durationMs }) {
  const results = join(dirname(fileURLToPath(import.meta.url)), '..', 'results');
  mkdirSync(results, { recursive: true });
  // Beside the results and not in the temporary directory: that may be memory, where a sync costs nothing.
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? results, 'audit-sinks-'));
  const measured = new Map();
  const ends = [];
  try {
    for (const [name] of SINKS) {
      const end = new EndProcess('audit-sinks/sink-process.mjs', [name, folder]);
      ends.push(end);
      await end.ready();
    }
    for (let round = 0; round <= rounds; round += 1) {
      for (const [index, [name, callers]] of SINKS.entries()) {
        for (const count of callers) {
          const { events, ms } = await ends[index].ask('round', { callers: count, durationMs });
          // The first round warms up.
          if (round > 0) measured.set(`${name} ${count}`, [...(measured.get(`${name} ${count}`) ?? []), (events * 1000) / ms]);
        }
      }
    }
  } finally {
    for (const end of ends) end.end();
    rmSync(folder, { recursive: true, force: true });
  }
  const figures = SINKS.flatMap(([name, callers, durable]) => callers.map((count) => ({ name, count, durable, perSecond: median(measured.get(`${name} ${count}`)) })));
  const reference = figures[0].perSecond;
  const ours = figures.find(({ name, count }) => name === 'FileAdapter' && count === 256).perSecond;
  const rows = figures.map(({ name, count, durable, perSecond }) => [
    count === 0 ? name : `${name}, ${count} caller${count === 1 ? '' : 's'}`, digits(perSecond), (perSecond / reference).toFixed(1), (ours / perSecond).toFixed(2), durable,
  ]);
  const header = ['sink', 'events/s', `× ${REFERENCE}`, 'FileAdapter at 256 ×', 'acknowledges an event when it is durable'];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => (column === 0 || column === 4 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  return [line(header), `| ${widths.map((width, column) => (column === 0 || column === 4 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`, ...rows.map(line)].join('\n');
}
