// Run by spill/kill.test.ts in a process of its own, which is killed. Says on stdout, a line each and only once it is so, what log()
// acknowledged (`a`) and what its adapter took (`d`). `down`: the adapter takes nothing; `flaky`: events now and then; `healthy`: all, until
// nothing is left.
import { writeSync } from 'node:fs';
import { AuditLogger } from '../../dist/index.js';

const [directory, mood] = process.argv.slice(2);
const say = (letter, n) => writeSync(1, `${letter} ${n}\n`);
let deliveries = 0;
const sink = {
  name: 'sink',
  logEvent: async () => undefined,
  logEvents: async (events) => {
    if (mood === 'down' || (mood === 'flaky' && ++deliveries % 3 !== 0)) throw new Error('down');
    for (const { details } of events) say('d', details.metadata.n);
  },
};
const audit = new AuditLogger({
  serviceId: 'killed', adapters: [sink], batch: 20, retryDelayMs: 2, spill: { directory, maxBytes: 64 * 1_048_576 },
  logger: { debug() {}, info() {}, warn() {}, error: (message, fields) => say('!', JSON.stringify({ message, fields })) },
});
if (mood === 'healthy') {
  await audit.start();
  while (audit.stats().adapters[0].spilled > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await audit.close();
  say('=', JSON.stringify(audit.stats().adapters[0]));
} else {
  let count = 0;
  const caller = async () => {
    for (;;) {
      const n = `${process.pid}.${count++}`;
      await audit.log({ eventType: 'connection', details: { action: 'auth.succeeded', success: true, metadata: { n, text: 'x'.repeat(count % 300) } } });
      say('a', n);
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
}
