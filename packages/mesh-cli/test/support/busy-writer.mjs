// Run in a process of its own: writes events into small segments, which are compressed, and ends. Its key comes on stdin.
import { readFileSync } from 'node:fs';
import { LogWriter, SigningKey } from '@lemur-bookstores/mesh-log';

const [directory, origin, count] = process.argv.slice(2);
const log = await LogWriter.open({ directory, origin, key: SigningKey.fromPem(readFileSync(0)), rotation: { maxBytes: 16 * 1024 } });
process.stdout.write('open\n');
for (let sequence = 0; sequence < Number(count); ) {
  const batch = Array.from({ length: 1 + (sequence % 7) }, () => ({ pid: process.pid, sequence: sequence++, timestamp: new Date(), text: 'x'.repeat(sequence % 300) }));
  await log.append(batch);
}
await log.close();
