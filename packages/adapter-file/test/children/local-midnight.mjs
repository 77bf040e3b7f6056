// Run by rotation.test.ts in a time zone of its own: how many segments there are a second before midnight there, and at midnight.
import { readdirSync } from 'node:fs';
import { FakeClock, silentLogger } from '@lemur-bookstores/mesh-interface';
import { SigningKey } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '../../dist/index.js';

const [directory, lastSecond] = process.argv.slice(2);
const clock = new FakeClock(Date.parse(lastSecond));
const adapter = new FileAdapter(directory, { signWith: SigningKey.generate(), clock, logger: silentLogger, compress: false });
const event = { id: '1', sequence: 1, timestamp: new Date(clock.now()), eventType: 'system', serviceId: 'orders', details: { action: 'system.start', success: true } };
const segments = () => readdirSync(adapter.directory).filter((name) => name.startsWith('audit-')).length;
await adapter.logEvent(event);
await clock.advance(999);
const before = segments();
await clock.advance(1);
const deadline = Date.now() + 5000;
while (segments() === before && Date.now() < deadline) await clock.advance(0);
console.log(JSON.stringify({ before, after: segments() }));
await adapter.close();
