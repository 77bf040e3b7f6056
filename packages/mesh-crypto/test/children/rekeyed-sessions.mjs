// Run by key-scan.test.ts: two managers, sessions between them that rekey, and then nothing but their present keys. Tells its parent which secrets there have been,
// each byte XORed with a mask, so that the telling leaves none in this process. Asked to do something it does that and tells again.
import crypto, { randomFillSync } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const MASK = 0xa5;
const SUITE = process.argv[2];
const identities = JSON.parse(process.argv[3]);

/** By what they are: hex of the masked bytes. */
const secrets = { privateKeys: [], blocks: [], shared: [], first: [] };
const masked = (bytes) => {
  let hex = '';
  for (const byte of bytes) hex += (byte ^ MASK).toString(16).padStart(2, '0');
  return hex;
};

// Every X25519 key pair of this process, as node:crypto makes it. The export is wiped; what it leaves behind, if anything, the scan would find.
const generate = crypto.generateKeyPairSync;
crypto.generateKeyPairSync = (...parameters) => {
  const pair = generate(...parameters);
  if (parameters[0] !== 'x25519') return pair;
  const der = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  secrets.privateKeys.push(masked(der.subarray(-32)));
  der.fill(0);
  return pair;
};
// And every shared secret; the multiple of the base point is a public key.
const BASE_POINT = Buffer.concat([Buffer.of(9), Buffer.alloc(31)]).toString('base64url');
const { diffieHellman } = crypto;
crypto.diffieHellman = (keys) => {
  const result = diffieHellman(keys);
  if (keys.publicKey.export({ format: 'jwk' }).x !== BASE_POINT) secrets.shared.push(masked(result));
  return result;
};
syncBuiltinESMExports();

const { CryptoManager, NoiseHandshake, nodePrimitives } = await import('../../dist/index.js');

// Every block of HKDF: in a rekey the extracted key, rk, kIR and kRI, at either end.
const hash = nodePrimitives.hash('SHA256');
const { hmac } = hash;
hash.hmac = (key, ...parts) => {
  const block = hmac.call(hash, key, ...parts);
  secrets.blocks.push(masked(block));
  return block;
};
const { splitKeys } = NoiseHandshake.prototype;
NoiseHandshake.prototype.splitKeys = function () {
  const keys = splitKeys.call(this);
  if (this.role === 'initiator') secrets.first.push(masked(keys.send), masked(keys.receive), masked(keys.rekeySecret));
  return keys;
};

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const managers = identities.map(([serviceId, identity]) => new CryptoManager({ serviceId, identity, suite: SUITE, logger, rotation: { minIntervalMs: 0 } }));
for (const manager of managers) await manager.load();

/** Control records that are kept back. */
let held;

function connect() {
  const [dialling, accepting] = [managers[0].dial({ serviceId: identities[1][0] }), managers[1].accept()];
  const { reply } = accepting.receive(dialling.start());
  const { reply: third, channel: dialler } = dialling.receive(reply);
  const { channel: acceptor } = accepting.receive(third);
  const host = (to) => ({ send: (record) => (held === undefined ? to.rekeying.receive(record) : held.push(() => to.rekeying.receive(record))), onRotated() {}, onResume() {}, onSpent() {}, onFailed(error) { throw error; } });
  dialler.rekeying.start(host(acceptor));
  acceptor.rekeying.start(host(dialler));
  return { dialler, acceptor };
}

const sessions = Array.from({ length: 4 }, connect);
// What the handshakes themselves made is another test's business.
for (const list of [secrets.privateKeys, secrets.blocks, secrets.shared]) list.length = 0;
const plaintext = [randomFillSync(Buffer.alloc(100))];

function talk({ dialler, acceptor }) {
  for (let index = 0; index < 20; index++) {
    acceptor.open(dialler.seal(0, plaintext));
    dialler.open(acceptor.seal(0, plaintext));
  }
}

function rekey() {
  for (const session of sessions) {
    for (const end of [session.dialler, session.acceptor]) {
      talk(session);
      end.rekeying.rekey('manual');
      talk(session);
    }
  }
}

async function tell() {
  for (let round = 0; round < 4; round++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.send({ ...secrets, epochs: sessions.map(({ dialler, acceptor }) => [dialler.epoch, acceptor.epoch]) });
}

const tasks = {
  rekey,
  begin: () => {
    held = [];
    sessions[0].dialler.rekeying.rekey('manual');
  },
  finish: () => {
    const deliver = held;
    held = undefined;
    for (const each of deliver) each();
  },
  close: () => {
    for (const { dialler, acceptor } of sessions) for (const end of [dialler, acceptor]) end.destroy();
  },
};
process.on('message', (task) => {
  tasks[task]();
  void tell();
});
process.on('disconnect', () => process.exit(0));
await tell();
