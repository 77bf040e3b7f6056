import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { CertificateAuthority, newKeyPair } from './certificate-authority.js';
import { certificatePem, spkiOf, writeCaCertificate } from './certificate-writer.js';
import type { KeysDirectory } from './keys-directory.js';

/** Certificate and key in one file: one link makes both, and they cannot come apart. */
const FILE = 'local-ca.pem';

const DAY_MS = 86_400_000;
const LIFE_MS = 3650 * DAY_MS;

/** A day: the CA outlives corrections of the clock that a machine makes soon after its first start. */
const BACKDATE_MS = DAY_MS;

/**
 * The CA of this user on this file system, made by the first process that needs it. One that is damaged or has expired is
 * reported and never replaced: other processes hold certificates of it.
 * @throws MeshError `keys_dir_unsafe` or `identity_invalid`
 */
export async function loadLocalAuthority(directory: KeysDirectory, clock: Clock): Promise<CertificateAuthority> {
  await directory.open(clock.now());
  let pem = await directory.read(FILE);
  if (pem === undefined) {
    await directory.createOnce(FILE, newAuthority(clock.now()));
    pem = await directory.read(FILE);
  }
  try {
    if (pem === undefined) throw new MeshError('identity_invalid', 'it vanished');
    const authority = CertificateAuthority.load({ certPem: pem, keyPem: pem, clock });
    if (authority.trustDomain !== localDomainName(createPublicKey(pem))) {
      throw new MeshError('identity_invalid', "its trust domain's name does not follow from its key");
    }
    if (clock.now() > authority.notAfter) throw new MeshError('identity_invalid', `it expired at ${new Date(authority.notAfter).toISOString()}`);
    return authority;
  } catch (cause) {
    const path = `${directory.path}/${FILE}`;
    const advice = 'It is never replaced by itself: remove it and restart all services of this user';
    throw new MeshError('identity_invalid', `the local CA '${path}' cannot be used: ${MeshError.from(cause).text}. ${advice}`, { cause });
  } finally {
    pem?.fill(0);
  }
}

/** The name follows from the key (PROTOCOL 6.2): nobody else's CA can claim it. */
function localDomainName(publicKey: KeyObject): string {
  return `local-${createHash('sha256').update(spkiOf(publicKey)).digest('hex').slice(0, 16)}`;
}

function newAuthority(now: number): string {
  const { publicKey, privateKey } = newKeyPair('ed25519');
  const validity = { notBefore: now - BACKDATE_MS, notAfter: now + LIFE_MS };
  const certificate = writeCaCertificate(localDomainName(publicKey), publicKey, privateKey, validity);
  return certificatePem(certificate) + privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
