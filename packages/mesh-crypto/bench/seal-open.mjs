// What a record costs, in microseconds: seal, open, both; sixteen pieces a record, as the packer hands them over, against one piece.
import { NoiseHandshake, nodePrimitives, noblePrimitives } from '../dist/index.js';
import { NoiseChannel } from '../dist/channel/noise-channel.js';
import { microseconds, rounded } from './bench.mjs';

const SIZES = [16, 64, 256, 1024, 4096, 16384, 65536, 262144];
const peer = { id: 'spiffe://example.org/a', trustDomain: 'example.org', serviceId: 'a', publicKey: '', notAfter: 0 };

function channels(suite, primitives) {
  const protocolName = `Noise_NN_25519_${suite === 'aesgcm' ? 'AESGCM' : 'ChaChaPoly'}_SHA256`;
  const [initiator, responder] = ['initiator', 'responder'].map((role) => new NoiseHandshake({ protocolName, role }));
  responder.readMessage(initiator.writeMessage(Buffer.alloc(0)));
  initiator.readMessage(responder.writeMessage(Buffer.alloc(0)));
  return [initiator, responder].map(
    (noise) => new NoiseChannel({ role: noise.role, suite, peer, reverify: () => undefined, handshakeHash: noise.handshakeHash, primitives, keys: noise.splitKeys() }),
  );
}

for (const [primitives, sizes] of [[nodePrimitives, SIZES], [noblePrimitives, SIZES.slice(0, 7)]]) {
  for (const suite of ['aesgcm', 'chachapoly']) {
    const rows = {};
    for (const size of sizes) {
      const plaintext = Buffer.alloc(size, 1);
      const pieces = Array.from({ length: 16 }, (_, index) => plaintext.subarray((index * size) / 16, ((index + 1) * size) / 16));
      const [sender] = channels(suite, primitives);
      const [left, right] = channels(suite, primitives);
      const seal = microseconds(() => sender.seal(0, [plaintext]));
      const both = microseconds(() => right.open(left.seal(0, [plaintext])));
      const inPieces = microseconds(() => sender.seal(0, pieces));
      rows[size] = {
        seal: rounded(seal),
        'seal 16 pieces': rounded(inPieces),
        'seal + open': rounded(both),
        'open (difference)': rounded(both - seal),
      };
    }
    console.log(`${primitives.name}, ${suite}: us a record, by bytes of plaintext`);
    console.table(rows);
  }
}
