// Run by full-disk.test.ts in a mount namespace of its own, where the folder is a small disk: fills it up, makes room, fills it again. Prints what was
// acknowledged and what was found.
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { SigningKey, verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '../../dist/index.js';

const [directory] = process.argv.slice(2);
const errors = [];
const logger = { debug() {}, info() {}, warn() {}, error: (message, { error }) => errors.push(`${message}: ${error}`) };
const clock = new FakeClock();
const adapter = new FileAdapter(directory, { signWith: SigningKey.generate(), clock, logger, rotation: { maxBytes: 16_384 } });
const { bsize, blocks } = statfsSync(directory);
writeFileSync(join(directory, 'filler'), Buffer.alloc((bsize * blocks) / 2));

let sequence = 0;
const acknowledged = [];
const refused = [];
/** Logs until an event is refused; then goes on with that one, as a lane does. */
async function fill(event) {
  for (; ; event = undefined) {
    event ??= { id: String((sequence += 1)), sequence, timestamp: new Date(clock.now()), eventType: 'system', serviceId: 'orders', details: { action: 'x', success: true, error: 'x'.repeat(sequence % 500) } };
    let outcome;
    adapter.logEvents([event], { signal: new AbortController().signal }).then(() => (outcome = 'taken'), (error) => (outcome = error));
    while (outcome === undefined) await clock.advance(200);
    if (outcome !== 'taken') {
      refused.push(`${outcome.reason} ${outcome.retryable} ${/ENOSPC/.test(outcome.message)}`);
      return event;
    }
    acknowledged.push(event.sequence);
  }
}

const waiting = await fill();
rmSync(join(directory, 'filler'));
const again = await fill(waiting);
await adapter.close();
const found = [];
for await (const event of adapter.query()) found.push(event.sequence);
const { status, logs } = await verifyAuditLog(directory, { publicKey: adapter.publicKey });
console.log(JSON.stringify({ acknowledged, refused, unacknowledged: again.sequence, errors, found, status, problem: logs[0]?.problem }));
