// What a message costs on its way into a record, in nanoseconds, without any cryptography or socket: by size and by how many messages
// share a turn of the event loop; then the way back out of a record, and the deadlines of calls.
import { systemClock } from '@lemur-bookstores/mesh-interface';
import { DeadlineWheel, WheelEntry } from '../dist/session/deadline-wheel.js';
import { MAX_RECORD_BYTES, RecordFlag } from '../dist/wire/message.js';
import { Packer } from '../dist/wire/packer.js';
import { FRAGMENT_BYTES, Reassembly } from '../dist/wire/reassembly.js';
import { encodeMethod } from '../dist/wire/request.js';
import { nanoseconds, rounded } from './bench.mjs';

const method = encodeMethod('createOrder');
// Seals by copying, as an AEAD would at the least.
const channel = { seal: (_flags, parts) => (parts.length === 1 ? Buffer.from(parts[0]) : Buffer.concat(parts)) };
const connection = { bufferedBytes: 0, send() {} };

const requests = {};
for (const size of [64, 1024, 8 * 1024, 64 * 1024, 1024 * 1024]) {
  const row = {};
  for (const kind of ['text', 'bytes']) {
    const body = kind === 'text' ? 'x'.repeat(size) : Buffer.alloc(size, 120);
    for (const perTurn of size > 8 * 1024 ? [1] : [1, 16, 64]) {
      const packer = new Packer(channel, connection, Infinity, (error) => { throw error; });
      let id = 0;
      const turn = () => {
        for (let i = 0; i < perTurn; i++) packer.request(1, (id = (id + 1) >>> 0), 30_000, method, undefined, body);
        packer.flush();
      };
      row[`${kind}, ${perTurn} a turn`] = rounded(nanoseconds(turn, { perCall: perTurn, roundMs: 80 }));
    }
  }
  requests[`${size} B`] = row;
}
console.log('request into a record, ns a message');
console.table(requests);

function fragments(total) {
  const records = [];
  for (let at = 0; at < total; at += FRAGMENT_BYTES) {
    const first = at === 0;
    const body = Buffer.alloc(Math.min(FRAGMENT_BYTES, total - at));
    const head = Buffer.alloc(first ? 8 : 4);
    head.writeUInt32BE(1);
    if (first) head.writeUInt32BE(total, 4);
    const flags = RecordFlag.fragment | (first ? RecordFlag.first : 0) | (at + FRAGMENT_BYTES >= total ? RecordFlag.last : 0);
    records.push([flags, Buffer.concat([head, body])]);
  }
  return records;
}

const reassembly = new Reassembly(16 * 1024 * 1024, 16 * 1024 * 1024);
console.log('fragments back into a message, us');
console.table(
  Object.fromEntries(
    [MAX_RECORD_BYTES + 1, 1024 * 1024, 4 * 1024 * 1024].map((total) => {
      const records = fragments(total);
      return [`${total} B`, { us: rounded(nanoseconds(() => { for (const [flags, plaintext] of records) reassembly.add(flags, plaintext); }, { rounds: 5 }) / 1000) }];
    }),
  ),
);

class Entry extends WheelEntry {
  onDeadline() {}
}
const wheel = new DeadlineWheel(systemClock);
const entry = new Entry();
console.log('a deadline that is set and taken back, ns');
console.table({
  'deadline wheel': { ns: rounded(nanoseconds(() => { wheel.add(entry, systemClock.monotonic() + 30_000); wheel.remove(entry); })) },
  'setTimeout, clearTimeout': { ns: rounded(nanoseconds(() => clearTimeout(setTimeout(() => {}, 30_000)))) },
});
wheel.stop();
