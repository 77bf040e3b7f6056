// Run by kill.test.ts in a process of its own, which is killed. Tells on stdout what was acknowledged, one line for each batch, and each
// checkpoint; a line is written only when the log has answered.
import { writeSync } from 'node:fs';
import { LogWriter, openSigningKeys } from '../../dist/index.js';

const [directory, keysDir] = process.argv.slice(2);
const say = (message) => writeSync(1, `${JSON.stringify(message)}\n`);
const log = await LogWriter.open({
  directory,
  origin: 'example.org/killed',
  ...(await openSigningKeys(keysDir)),
  rotation: { maxBytes: 64 * 1024 },
  logger: { debug() {}, info() {}, warn: () => {}, error: (message, fields) => say({ error: message, fields }) },
  onCheckpoint: ({ note }) => say({ note }),
});
say({ opened: log.directory });
let sequence = 0;
const caller = async () => {
  for (;;) {
    const events = Array.from({ length: 1 + (sequence % 5) }, () => ({ pid: process.pid, sequence: sequence++, text: 'x'.repeat(sequence % 200) }));
    const { first } = await log.append(events);
    say({ first, sequences: events.map((event) => event.sequence) });
  }
};
await Promise.all([caller(), caller(), caller(), caller()]);
