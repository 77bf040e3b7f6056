import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { MeshError, type IdentityFiles, type IdentityMaterial } from '@lemur-bookstores/mesh-interface';
import { leafSpiffeId } from './certificate-profile.js';
import { parseCertificate } from './certificate.js';
import { identityKeyType } from './identity-signature.js';
import { readPemCertificates } from './pem.js';
import { MAX_CHAIN_CERTIFICATES, verifyPeer } from './trust-bundle.js';

/** CAs of one trust domain: one, or a few while they are rolled. */
const MAX_BUNDLE_CERTIFICATES = 64;

/** Far above 64 certificates with the text that `openssl` writes around them. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

/** The contents of the three files at one time. */
export interface IdentityFileSet {
  readonly cert: Buffer;
  /** Wiped by {@link toIdentityMaterial}. */
  readonly key: Buffer;
  readonly ca: Buffer;
  /** The same for the same contents. */
  readonly digest: string;
  /** Permission bits of the key file that let others than its owner at it: 0 is as it should be. */
  readonly keyExposure: number;
}

/** @throws MeshError `identity_unreadable`, naming the file */
export async function readIdentityFileSet(files: IdentityFiles): Promise<IdentityFileSet> {
  const cert = await readSmall('certFile', files);
  const key = await readSmall('keyFile', files);
  const ca = await readSmall('caFile', files);
  const digest = createHash('sha256');
  for (const { bytes } of [cert, key, ca]) digest.update(`${bytes.length} `).update(bytes);
  return { cert: cert.bytes, key: key.bytes, ca: ca.bytes, digest: digest.digest('base64url'), keyExposure: key.mode & OTHERS };
}

/**
 * Makes identity material of the contents, or refuses them whole (PROTOCOL 6.4): the key is the leaf's, the chain verifies
 * against the bundle at this time, every CA can be read.
 * @param at the time to judge by, ms since 1970, and how far clocks may be apart, in ms
 * @throws MeshError `identity_invalid`, naming the file and what is wrong with it
 */
export function toIdentityMaterial(files: IdentityFiles, set: IdentityFileSet, at: { readonly now: number; readonly skewMs: number }): IdentityMaterial {
  const privateKey = about('keyFile', files, () => importPrivateKey(set.key));
  const trustBundle = about('caFile', files, () => {
    const bundle = readPemCertificates(set.ca.toString('latin1'), MAX_BUNDLE_CERTIFICATES);
    bundle.forEach((der) => void parseCertificate(der));
    return bundle;
  });
  return about('certFile', files, () => {
    const chain = readPemCertificates(set.cert.toString('latin1'), MAX_CHAIN_CERTIFICATES);
    const [leaf = Buffer.alloc(0)] = chain;
    const certificate = parseCertificate(leaf);
    const { id, trustDomain } = leafSpiffeId(certificate);
    verifyPeer(chain, { trustBundle, trustDomain, ...at });
    // Not KeyObject.equals: for keys of two types it leaves an error behind that fails the next import of a key (Node 20.20).
    if (!createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).equals(certificate.spki)) {
      throw new MeshError('identity_invalid', `keyFile '${files.keyFile}' holds another key than the certificate: replace both together`);
    }
    return { id, trustDomain, chain, privateKey, trustBundle };
  });
}

function importPrivateKey(pem: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new MeshError('identity_invalid', 'not an unencrypted PEM private key (PKCS#8)', { cause });
  } finally {
    pem.fill(0);
  }
  if (identityKeyType(key) === undefined) throw new MeshError('identity_invalid', 'the key is neither Ed25519 nor ECDSA P-256');
  return key;
}

/** Names the option and its file in front of what `read` found wrong, whatever its reason was. */
function about<T>(option: keyof IdentityFiles, files: IdentityFiles, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const cause = MeshError.from(error);
    const text = cause.reason === 'identity_invalid' ? cause.text : cause.message;
    throw new MeshError('identity_invalid', `identity.${option} '${files[option]}': ${text}`, { cause });
  }
}

async function readSmall(option: keyof IdentityFiles, files: IdentityFiles): Promise<{ bytes: Buffer; mode: number }> {
  try {
    // Non-blocking, since the opening of a FIFO would wait for its writer for ever.
    const handle = await open(files[option], constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile()) throw new Error('not a regular file');
      if (status.size > MAX_FILE_BYTES) throw new Error(`longer than ${MAX_FILE_BYTES} bytes`);
      return { bytes: await handle.readFile(), mode: status.mode };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const advice = 'it must be there, and readable for the user of this process';
    throw new MeshError('identity_unreadable', `identity.${option} '${files[option]}' cannot be read (${code ?? message}): ${advice}`, { cause });
  }
}
