// A whole rekey, both sides in one thread, in microseconds; and what records cost with limits in force, against a channel without.
import { systemClock } from '@lemur-bookstores/mesh-interface';
import { cryptoperiodOf, NoiseHandshake, nodePrimitives, noblePrimitives } from '../dist/index.js';
import { NoiseChannel } from '../dist/channel/noise-channel.js';
import { microseconds, rounded } from './bench.mjs';

const peer = { id: 'spiffe://example.org/a', trustDomain: 'example.org', serviceId: 'a', publicKey: '', notAfter: 0 };

function channels(suite, primitives) {
  const protocolName = `Noise_NN_25519_${suite === 'aesgcm' ? 'AESGCM' : 'ChaChaPoly'}_SHA256`;
  const [initiator, responder] = ['initiator', 'responder'].map((role) => new NoiseHandshake({ protocolName, role }));
  responder.readMessage(initiator.writeMessage(Buffer.alloc(0)));
  initiator.readMessage(responder.writeMessage(Buffer.alloc(0)));
  const cryptoperiod = cryptoperiodOf({ minIntervalMs: 0 });
  return [initiator, responder].map(
    (noise) => new NoiseChannel({ role: noise.role, suite, peer, reverify: () => undefined, handshakeHash: noise.handshakeHash, primitives, keys: noise.splitKeys(), cryptoperiod, clock: systemClock }),
  );
}

function connected(suite, primitives) {
  const [dialler, acceptor] = channels(suite, primitives);
  const host = (to) => ({ send: (record) => to.rekeying.receive(record), onRotated() {}, onResume() {}, onSpent() {}, onFailed(error) { throw error; } });
  dialler.rekeying.start(host(acceptor));
  acceptor.rekeying.start(host(dialler));
  return [dialler, acceptor];
}

const rekeys = {};
for (const [primitives, suite] of [[nodePrimitives, 'aesgcm'], [nodePrimitives, 'chachapoly'], [noblePrimitives, 'aesgcm']]) {
  const [dialler, acceptor] = connected(suite, primitives);
  const cost = microseconds(() => dialler.rekeying.rekey('manual'));
  if (dialler.epoch !== acceptor.epoch || dialler.epoch === 0) throw new Error(`epochs ${dialler.epoch} and ${acceptor.epoch}`);
  rekeys[`${primitives.name} ${suite}`] = { 'us, both sides': rounded(cost), 'rekeys/s': Math.round(1e6 / cost) };
}
console.log('a rekey');
console.table(rekeys);

const records = {};
for (const size of [16, 1024, 16384, 262144]) {
  const plaintext = [Buffer.alloc(size, 1)];
  const pairs = { 'without limits': channels('aesgcm', nodePrimitives), 'with limits': connected('aesgcm', nodePrimitives) };
  const row = (records[size] = {});
  // In turns, so that what else the machine does falls on both.
  for (let round = 0; round < 3; round++) {
    for (const [name, [left, right]] of Object.entries(pairs)) {
      const cost = rounded(microseconds(() => right.open(left.seal(0, plaintext)), { rounds: 5 }));
      row[name] = Math.min(row[name] ?? Infinity, cost);
    }
  }
}
console.log('seal + open, aesgcm, node: us a record, by bytes of plaintext');
console.table(records);
