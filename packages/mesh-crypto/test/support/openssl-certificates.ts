import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IdentityFiles, IdentityMaterial } from '@lemur-bookstores/mesh-interface';

export type KeyType = 'ed25519' | 'p256';

/** A certificate authority made by the `openssl` program. `remove()` deletes its folder. */
export interface Authority {
  readonly trustDomain: string;
  /** DER. */
  readonly certificate: Buffer;
  issue(path: string, keyType?: KeyType): { material: IdentityMaterial; files: IdentityFiles };
  remove(): void;
}

const NEW_KEY: Record<KeyType, string[]> = {
  ed25519: ['-newkey', 'ed25519'],
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
};

const LEAF_EXTENSIONS = (id: string): string => `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=critical,URI:${id}
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
`;

export function createAuthority(trustDomain: string, keyType: KeyType = 'ed25519'): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-crypto-'));
  const openssl = (...parameters: string[]): void => void execFileSync('openssl', parameters, { cwd: folder, stdio: 'pipe' });
  openssl(
    'req', '-x509', '-nodes', ...NEW_KEY[keyType], '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', `/O=${trustDomain}`,
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
    '-addext', `subjectAltName=URI:spiffe://${trustDomain}`,
  );
  const certificate = derOf(join(folder, 'ca.pem'));
  let issued = 0;
  return {
    trustDomain,
    certificate,
    issue(path, leafKeyType = keyType) {
      const id = `spiffe://${trustDomain}/${path}`;
      const name = `leaf${issued++}`;
      writeFileSync(join(folder, `${name}.ext`), LEAF_EXTENSIONS(id));
      openssl('req', '-new', '-nodes', ...NEW_KEY[leafKeyType], '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/O=test');
      openssl(
        'x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', String(issued + 1), '-days', '1',
        '-extfile', `${name}.ext`, '-out', `${name}.pem`,
      );
      const files = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`), caFile: join(folder, 'ca.pem') };
      const material = {
        id,
        trustDomain,
        chain: [derOf(files.certFile)],
        privateKey: createPrivateKey(readFileSync(files.keyFile)),
        trustBundle: [certificate],
      };
      return { material, files };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

const derOf = (pemFile: string): Buffer => new X509Certificate(readFileSync(pemFile)).raw;
