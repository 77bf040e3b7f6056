import { LOAD } from './options.mjs';
import { ms, number } from './screen.mjs';

/** Prints what happened. Every figure was measured in this run. */
export function printSummary(screen, stage, acts, claims) {
  const { tally, outage, trail } = stage;
  const print = (label, text) => screen.print(`  ${screen.style('bold', label.padEnd(10))}${text}`);
  screen.print();
  screen.print(screen.style('bold', 'What happened'));
  screen.print();
  print('Calls', `${number(tally.answered)} of ${number(tally.made)} answered, for ${LOAD.callers} callers`);
  print('Latency', `p50 ${ms(tally.latency.percentile(0.5))}   p90 ${ms(tally.latency.percentile(0.9))}   p99 ${ms(tally.latency.percentile(0.99))}   max ${ms(tally.latency.maxMs)}`);
  for (const line of failureLines(tally)) print(line.label, line.text);
  if (outage?.recoveredMs !== undefined) {
    print('Recovery', `${ms(outage.recoveredMs)} after the kill, ${ms(outage.recoveredMs - acts.downMs)} after the restart; ${number(outage.waited)} calls waited`);
  }
  print('Rotations', `${number(trail.rotationCount)} of the keys of a connection, reported by both ends`);
  screen.print();
  for (const line of auditTable(trail)) screen.print(`  ${line}`);
  screen.print();
  for (const { text, holds, shown } of claims) {
    screen.print(`  ${holds ? screen.style('green', '✓') : screen.style('red', '✗')} ${text.padEnd(46)} ${screen.style('dim', shown)}`);
  }
  screen.print();
}

function failureLines(tally) {
  if (tally.failures.size === 0) return [{ label: 'Failures', text: 'none' }];
  const kinds = [...tally.failures].sort(([, a], [, b]) => b.count - a.count);
  return kinds.map(([kind, { count, mayHaveRun }], index) => ({
    label: index === 0 ? 'Failures' : '',
    text: `${number(count).padStart(6)}  ${kind.padEnd(34)} ${mayHaveRun === 0 ? 'none of them ran' : `${number(mayHaveRun)} may have run: not repeated`}`,
  }));
}

/** Actions down, services across. */
function auditTable({ counts }) {
  const services = [...counts.keys()].sort();
  const actions = [...new Set([...counts.values()].flatMap((byAction) => [...byAction.keys()]))].sort();
  const row = (action, cells) => `${action.padEnd(24)}${cells.map((cell) => cell.padStart(12)).join('')}`;
  return [row('Audit events', services), ...actions.map((action) => row(action, services.map((service) => number(counts.get(service).get(action) ?? 0))))];
}
