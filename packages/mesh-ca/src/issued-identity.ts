import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError, type IdentityFiles } from '@lemur-bookstores/mesh-interface';

/** What a CA issued for one service. Neither JSON nor `console.log` shows the key. */
export class IssuedIdentity {
  /** The SPIFFE id in the certificate. */
  readonly id: string;
  /** The service's certificate, and after it the CA's where that is an intermediate. */
  readonly certPem: string;
  /** The CA's certificate: the peers' `caFile`. */
  readonly caPem: string;
  /** End of validity, ms since 1970. */
  readonly notAfter: number;
  readonly #keyPem: string | undefined;

  constructor(issued: { readonly id: string; readonly certPem: string; readonly caPem: string; readonly notAfter: number; readonly keyPem: string | undefined }) {
    this.id = issued.id;
    this.certPem = issued.certPem;
    this.caPem = issued.caPem;
    this.notAfter = issued.notAfter;
    this.#keyPem = issued.keyPem;
  }

  /** The private key as PKCS#8; `undefined` where a public key was handed in. */
  get keyPem(): string | undefined {
    return this.#keyPem;
  }
}

/**
 * Writes `ca.pem`, `key.pem` and `cert.pem` into a folder, which is made if need be (0700). Each file (0600) is replaced as a whole
 * and synced; a service that reads while they are replaced waits for the three to fit together.
 * @param otherCas PEM certificates of other CAs for `ca.pem`, behind the issuer's: what the service trusts as well while a CA is rolled
 * @returns what `identity` of a mesh takes. Without a key in `issued` no key file is written: put it at `keyFile` yourself.
 * @throws MeshError `identity_unreadable` where the folder cannot be written
 */
export async function writeIdentityFiles(dir: string, issued: IssuedIdentity, otherCas: readonly string[] = []): Promise<IdentityFiles> {
  const files = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem'), caFile: join(dir, 'ca.pem') };
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await replaceFile(files.caFile, [issued.caPem, ...otherCas].map((pem) => `${pem.trimEnd()}\n`).join(''));
    if (issued.keyPem !== undefined) await replaceFile(files.keyFile, issued.keyPem);
    await replaceFile(files.certFile, issued.certPem);
  } catch (cause) {
    throw new MeshError('identity_unreadable', `cannot write identity files to '${dir}': ${MeshError.from(cause).text}`, { cause });
  }
  return files;
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
