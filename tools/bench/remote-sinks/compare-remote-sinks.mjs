// For `npm run bench -- --remote-sinks`: events a second that the adapters bring to Elasticsearch, Datadog and PagerDuty, beside a bare bulk of the same documents.
// Asserts nothing. The servers are processes of their own: contract servers, which check every request, and a real Elasticsearch where there is one.
import { EndProcess } from '../processes.mjs';
import { startElasticsearchIfThere } from './real-elasticsearch.mjs';

const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];
const thousands = (value) => `${(value / 1_000).toFixed(1)} k`;

/** Rounds that do not count: Java's compilers take their time. */
const WARM_UP = 2;

/** What is sent where: the way (ways.mjs), the server, and what is measured. */
const ROWS = [
  ['elasticsearch', 'contract', 'ElasticsearchAdapter', 'elasticsearch', ['batches', 'lane']],
  ['elasticsearch', 'contract', 'ElasticsearchAdapter, compression: false', 'elasticsearch-unpacked', ['batches']],
  ['elasticsearch', 'contract', 'helpers.bulk, flushBytes of 500 events, concurrency 1', 'elasticsearch-bare-500', ['batches']],
  ['elasticsearch', 'contract', 'helpers.bulk, defaults', 'elasticsearch-bare', ['batches']],
  ['elasticsearch', 'real', 'ElasticsearchAdapter', 'elasticsearch', ['batches', 'lane']],
  ['elasticsearch', 'real', 'ElasticsearchAdapter, compression: false', 'elasticsearch-unpacked', ['batches']],
  ['elasticsearch', 'real', 'helpers.bulk, flushBytes of 500 events, concurrency 1', 'elasticsearch-bare-500', ['batches']],
  ['elasticsearch', 'real', 'helpers.bulk, defaults', 'elasticsearch-bare', ['batches']],
  ['datadog', 'contract', 'DatadogAdapter', 'datadog', ['batches', 'lane']],
  ['pagerduty', 'contract', 'AlertingAdapter (1 event in 1,000 concerns it)', 'pagerduty', ['batches', 'lane']],
];

/** @param {{ rounds: number, events: number }} settings @returns {Promise<string>} the table */
export async function compareRemoteSinks({ rounds, events }) {
  const ends = [];
  const stops = [];
  const started = async (script, args) => {
    const end = new EndProcess(script, args);
    ends.push(end);
    return { end, announced: await end.ready() };
  };
  const lines = [];
  try {
    const real = await startElasticsearchIfThere();
    if (real !== undefined) stops.push(() => real.stop());
    const urls = new Map(real === undefined ? [] : [['elasticsearch real', real.url]]);
    for (const server of ['elasticsearch', 'datadog', 'pagerduty']) {
      const { end, announced } = await started('remote-sinks/sink-server.mjs', [server]);
      end.pin(1);
      urls.set(`${server} contract`, announced.url);
    }
    const rows = ROWS.filter(([server, kind]) => urls.has(`${server} ${kind}`));
    const senders = [];
    for (const [server, kind, , way] of rows) {
      const { end } = await started('remote-sinks/sender-process.mjs', [way, urls.get(`${server} ${kind}`)]);
      end.pin(0);
      senders.push(end);
    }
    const measured = rows.map(() => new Map());
    for (let round = 0; round < WARM_UP + rounds; round += 1) {
      // To and fro: a server that gets quicker, or has more and more to keep, is so for all alike.
      const order = round % 2 === 0 ? [...rows.keys()] : [...rows.keys()].reverse();
      for (const index of order) {
        for (const task of rows[index][4]) {
          const figures = await senders[index].ask(task, { events });
          if (round >= WARM_UP) measured[index].set(task, [...(measured[index].get(task) ?? []), figures]);
        }
      }
    }
    for (const [index, [server, kind, what, , tasks]] of rows.entries()) {
      for (const task of tasks) {
        const figures = measured[index].get(task);
        const [ms, cpuMs] = [median(figures.map((one) => one.ms)), median(figures.map((one) => one.cpuMs))];
        lines.push([what, `${kind} ${server}`, task === 'lane' ? 'record() to delivered' : what.includes('defaults') ? '5 MB a request, 5 at once' : 'logEvents, 500 at a time', thousands((1_000 * events) / ms), thousands((1_000 * events) / cpuMs), ((1_000 * cpuMs) / events).toFixed(1)]);
      }
    }
    if (real === undefined) lines.push(['(no real Elasticsearch here: node tools/services/install.mjs)', '', '', '', '', '']);
  } finally {
    for (const end of ends) end.end();
    for (const stop of stops) await stop();
  }
  const header = ['way', 'server', 'measured', 'events/s', 'events/s of CPU', 'µs of CPU an event'];
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => (column < 3 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  return [line(header), `| ${widths.map((width, column) => (column < 3 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`, ...lines.map(line)].join('\n');
}
