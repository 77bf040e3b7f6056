import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityFiles, IdentityMaterial } from '@lemur-bookstores/mesh-interface';

export type KeyType = 'ed25519' | 'p256';

const NEW_KEY: Record<KeyType, readonly string[]> = {
  ed25519: ['-newkey', 'ed25519'],
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
};

/** What a leaf's certificate says, for `openssl`. */
export interface LeafRequest {
  /** Service ids: each becomes a SPIFFE URI SAN. */
  readonly serviceIds: readonly string[];
  readonly keyType?: KeyType;
  /** Whose certificate signs. Default: the authority's. */
  readonly issuer?: OpensslLeaf;
}

/** A leaf that was issued, with the folder's file name of its certificate and key. */
export interface OpensslLeaf {
  readonly name: string;
  readonly files: IdentityFiles;
  readonly material: IdentityMaterial;
}

/** A CA as an operator makes it with the `openssl` program, and leaves that an honest CA would not issue. */
export class OpensslAuthority {
  readonly trustDomain: string;
  readonly #folder: string;
  #issued = 0;

  constructor(parent: string, trustDomain: string, keyType: KeyType) {
    this.trustDomain = trustDomain;
    this.#folder = mkdtempSync(join(parent, 'openssl-'));
    this.#openssl(
      'req', '-x509', '-nodes', ...NEW_KEY[keyType], '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/O=test',
      '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
    );
  }

  issue({ serviceIds, keyType = 'ed25519', issuer }: LeafRequest): OpensslLeaf {
    const name = `leaf${this.#issued++}`;
    const ids = serviceIds.map((serviceId) => `spiffe://${this.trustDomain}/${serviceId}`);
    const uris = ids.map((id) => `URI:${id}`).join(',');
    writeFileSync(
      join(this.#folder, `${name}.ext`),
      `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=critical,${uris}\n`,
    );
    const signer = issuer === undefined ? ['-CA', 'ca.pem', '-CAkey', 'ca.key'] : ['-CA', `${issuer.name}.pem`, '-CAkey', `${issuer.name}.key`];
    this.#openssl('req', '-new', '-nodes', ...NEW_KEY[keyType], '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/O=test');
    this.#openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-set_serial', String(this.#issued + 1), '-days', '1', '-extfile', `${name}.ext`, '-out', `${name}.pem`);
    const files = { certFile: this.#path(`${name}.pem`), keyFile: this.#path(`${name}.key`), caFile: this.#path('ca.pem') };
    return {
      name,
      files,
      material: {
        id: ids[0] as string,
        trustDomain: this.trustDomain,
        chain: [derOf(files.certFile), ...(issuer?.material.chain ?? [])],
        privateKey: createPrivateKey(readFileSync(files.keyFile)),
        trustBundle: [derOf(files.caFile)],
      },
    };
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #openssl(...parameters: string[]): void {
    execFileSync('openssl', parameters, { cwd: this.#folder, stdio: 'pipe' });
  }
}

const derOf = (file: string): Buffer => new X509Certificate(readFileSync(file)).raw;
