// What bodies and request heads cost, in nanoseconds, beside what JSON itself does of it.
import { decodeBody, encodeBody } from '../dist/wire/body.js';
import { decodeErrorReply, encodeErrorReply } from '../dist/wire/error-reply.js';
import { FLAG_METADATA, FLAG_TRACE } from '../dist/wire/message.js';
import { decodeRequestHead, encodeMethod, encodeRequestExtras } from '../dist/wire/request.js';
import { jsonOf, nanoseconds, rounded } from './bench.mjs';

const bodies = {};
for (const size of [64, 1024, 16 * 1024, 64 * 1024]) {
  const value = jsonOf(size);
  const text = JSON.stringify(value);
  const buffer = Buffer.from(text);
  bodies[`JSON ${text.length} B`] = {
    encode: rounded(nanoseconds(() => encodeBody(value, undefined))),
    'JSON.stringify': rounded(nanoseconds(() => JSON.stringify(value))),
    decode: rounded(nanoseconds(() => decodeBody(1, buffer, 0, buffer.length, undefined))),
    'toString + JSON.parse': rounded(nanoseconds(() => JSON.parse(buffer.toString()))),
  };
}
for (const size of [64, 64 * 1024]) {
  const buffer = Buffer.alloc(size, 1);
  bodies[`bytes ${size} B`] = {
    encode: rounded(nanoseconds(() => encodeBody(buffer, undefined))),
    decode: rounded(nanoseconds(() => decodeBody(2, buffer, 0, buffer.length, undefined))),
  };
}
console.log('bodies, ns');
console.table(bodies);

const metadata = { tenant: 'acme', 'request-id': 'a1b2c3d4' };
const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const head = (extras) => Buffer.concat([Buffer.from([0, 0, 117, 48]), encodeMethod('createOrder'), extras ?? Buffer.alloc(0)]);
const bare = head();
const full = head(encodeRequestExtras(metadata, trace).bytes);
const reply = encodeErrorReply(new Error('x'));
console.log('request heads and error replies, ns');
console.table({
  'decode a head': { ns: rounded(nanoseconds(() => decodeRequestHead(0, bare, 0, bare.length))) },
  'encode metadata and trace': { ns: rounded(nanoseconds(() => encodeRequestExtras(metadata, trace))) },
  'decode a head with both': { ns: rounded(nanoseconds(() => decodeRequestHead(FLAG_METADATA | FLAG_TRACE, full, 0, full.length))) },
  'decode an error reply': { ns: rounded(nanoseconds(() => decodeErrorReply(reply, false))) },
});
