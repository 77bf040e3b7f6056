// Run in a process of its own, which is killed. Its key comes on stdin. Says on stdout when events are acknowledged that no checkpoint covers.
import { readFileSync } from 'node:fs';
import { LogWriter, SigningKey } from '@lemur-bookstores/mesh-log';

const [directory, origin] = process.argv.slice(2);
const log = await LogWriter.open({ directory, origin, key: SigningKey.fromPem(readFileSync(0)), compress: false });
await log.append([{ eventType: 'system', sequence: 1 }, { eventType: 'system', sequence: 2 }]);
process.stdout.write('written\n');
// The log's own timers keep no process alive.
setInterval(() => undefined, 1000);
