// A whole handshake, both sides, with certificates and signatures verified, in microseconds. Needs the `openssl` program.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CryptoManager, nodePrimitives, noblePrimitives } from '../dist/index.js';
import { microseconds, rounded } from './bench.mjs';

const KEY_TYPES = { ed25519: ['-newkey', 'ed25519'], p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] };

function certificates(folder, keyType) {
  const openssl = (...parameters) => execFileSync('openssl', parameters, { cwd: folder, stdio: 'pipe' });
  const ca = `ca-${keyType}`;
  openssl(
    'req', '-x509', '-nodes', ...KEY_TYPES[keyType], '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-subj', '/O=bench',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
    '-addext', 'subjectAltName=URI:spiffe://bench',
  );
  return ['client', 'server'].map((name) => {
    const leaf = `${name}-${keyType}`;
    writeFileSync(
      join(folder, `${leaf}.ext`),
      [
        'basicConstraints=critical,CA:FALSE',
        'keyUsage=critical,digitalSignature',
        'extendedKeyUsage=serverAuth,clientAuth',
        `subjectAltName=URI:spiffe://bench/${name}`,
      ].join('\n'),
    );
    openssl('req', '-new', '-nodes', ...KEY_TYPES[keyType], '-keyout', `${leaf}.key`, '-out', `${leaf}.csr`, '-subj', '/O=bench');
    openssl(
      'x509', '-req', '-in', `${leaf}.csr`, '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial',
      '-extfile', `${leaf}.ext`, '-out', `${leaf}.pem`,
    );
    return { certFile: join(folder, `${leaf}.pem`), keyFile: join(folder, `${leaf}.key`), caFile: join(folder, `${ca}.pem`) };
  });
}

const folder = mkdtempSync(join(tmpdir(), 'mesh-crypto-bench-'));
const rows = {};
try {
  for (const keyType of Object.keys(KEY_TYPES)) {
    const [clientFiles, serverFiles] = certificates(folder, keyType);
    for (const [primitives, suite] of [['node', 'aesgcm'], ['node', 'chachapoly'], ['noble', 'aesgcm']]) {
      const client = new CryptoManager({ serviceId: 'client', identity: clientFiles, primitives, suite });
      const server = new CryptoManager({ serviceId: 'server', identity: serverFiles, primitives });
      await Promise.all([client.load(), server.load()]);
      const cost = microseconds(
        () => {
          const [dialled, accepted] = [client.dial({ serviceId: 'server' }), server.accept()];
          const { reply, channel } = dialled.receive(accepted.receive(dialled.start()).reply);
          accepted.receive(reply).channel.destroy();
          channel.destroy();
        },
        { roundMs: 300 },
      );
      rows[`${primitives} ${suite} ${keyType}`] = { 'us, both sides': rounded(cost), 'handshakes/s': Math.round(1e6 / cost) };
      client.close();
      server.close();
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log('XX with certificates, both sides in one thread');
console.table(rows);

const parts = {};
for (const primitives of [nodePrimitives, noblePrimitives]) {
  const [own, theirs] = [primitives.generateKeyPair(), primitives.generateKeyPair()];
  parts[primitives.name] = {
    'X25519 key pair': rounded(microseconds(() => primitives.generateKeyPair())),
    'X25519 exchange': rounded(microseconds(() => own.dh(theirs.publicKey))),
    'SHA-256 of 64 B': rounded(microseconds(() => primitives.hash('SHA256').digest(own.publicKey, theirs.publicKey))),
  };
}
console.log('parts, us');
console.table(parts);
