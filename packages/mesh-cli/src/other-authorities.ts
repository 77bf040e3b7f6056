import { X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** As many CAs, with the text that `openssl` writes around them, as a mesh takes. */
const MAX_FILE_BYTES = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * The CAs in a bundle beside one of them: what a service trusts as well while a CA is rolled. Those that have ended are left out.
 * @param caFile need not be there
 * @param ownPem the CA that is not wanted
 * @param now ms since 1970
 * @returns PEM texts
 * @throws MeshError `identity_unreadable`
 */
export async function otherAuthorities(caFile: string, ownPem: string, now: number): Promise<string[]> {
  const own = new X509Certificate(ownPem).fingerprint256;
  const found = new Map<string, string>();
  for (const pem of (await readBundle(caFile)).match(CERTIFICATE) ?? []) {
    const certificate = parse(caFile, pem);
    if (certificate.fingerprint256 !== own && Date.parse(certificate.validTo) > now) found.set(certificate.fingerprint256, pem);
  }
  return [...found.values()];
}

function parse(caFile: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new MeshError('identity_unreadable', `'${caFile}' holds a certificate that cannot be read: mend or remove it first, for a service may trust what it stands for`, { cause });
  }
}

async function readBundle(caFile: string): Promise<string> {
  try {
    const file = await open(caFile, 'r');
    try {
      if ((await file.stat()).size > MAX_FILE_BYTES) throw new Error(`longer than ${MAX_FILE_BYTES} bytes`);
      return await file.readFile('latin1');
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw new MeshError('identity_unreadable', `'${caFile}' cannot be read (${code ?? message}): it may hold other CAs that the service trusts`, { cause });
  }
}
