import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { sha256 } from './leaf.js';

/** Signature type of Ed25519 over the text (C2SP signed-note). */
const ED25519 = 0x01;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
/** Go's limit; C2SP asks for at least 16. */
const MAX_SIGNATURES = 100;
const DASH = '— ';

/** One signature line, as it stands in a note: of a known key or not. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Buffer;
  readonly signature: Buffer;
}

/** A note taken apart. Nothing is verified yet. */
export interface ParsedNote {
  /** Ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Who can sign notes. */
export interface NoteSigner {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature, 64 bytes. */
  sign(text: string): Buffer;
}

/** A public key under a name: verifies the signature lines that carry both. */
export class NoteVerifier {
  readonly name: string;
  readonly publicKey: Buffer;
  readonly keyId: Buffer;
  readonly #key: KeyObject;

  /** @throws MeshError `invalid_option` for a name that notes cannot carry, or a key that is not 32 bytes */
  constructor(name: string, publicKey: Uint8Array) {
    if (!isNoteName(name)) throw new MeshError('invalid_option', `'${name}' is no name of a note's key: one word without '+'`);
    if (publicKey.length !== KEY_BYTES) throw new MeshError('invalid_option', `an Ed25519 public key has 32 bytes, not ${publicKey.length}`);
    this.name = name;
    this.publicKey = Buffer.from(publicKey);
    this.keyId = keyIdOf(name, publicKey);
    this.#key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: this.publicKey.toString('base64url') } });
  }

  /** Reads `name+id+key`. @throws MeshError `invalid_option` */
  static parse(text: string): NoteVerifier {
    const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
    const key = encoded === undefined ? undefined : strictBase64(encoded);
    if (name === undefined || key === undefined || key[0] !== ED25519) throw new MeshError('invalid_option', 'a verifier key reads <name>+<8 hex digits>+<base64>');
    const verifier = new NoteVerifier(name, key.subarray(1));
    if (verifier.keyId.toString('hex') !== id) throw new MeshError('invalid_option', `the verifier key of '${name}' does not match its id: mistyped?`);
    return verifier;
  }

  /** `name+id+key`: what is published. */
  toString(): string {
    return verifierKey(this.name, this.publicKey);
  }

  /** Whether a signature line is meant for this key: it may still be wrong. */
  matches({ name, keyId }: NoteSignature): boolean {
    return name === this.name && keyId.equals(this.keyId);
  }

  verify(text: string, signature: Uint8Array): boolean {
    return verify(null, Buffer.from(text), this.#key, signature);
  }
}

/** The published form of a key: `name+hex(id)+base64(type ‖ key)`. */
export const verifierKey = (name: string, publicKey: Uint8Array): string =>
  `${name}+${keyIdOf(name, publicKey).toString('hex')}+${Buffer.concat([Buffer.of(ED25519), publicKey]).toString('base64')}`;

/** Signs a text that ends with a newline: one line for each signer, all under the same name. */
export function signNote(text: string, name: string, signers: readonly NoteSigner[]): string {
  const lines = signers.map((signer) => formatSignature({ name, keyId: keyIdOf(name, signer.publicKey), signature: signer.sign(text) }));
  return `${text}\n${lines.join('')}`;
}

/** Takes a note apart. @throws MeshError `note_invalid` for anything but the one form it can have */
export function parseNote(note: string | Uint8Array): ParsedNote {
  const whole = typeof note === 'string' ? note : decode(note);
  // eslint-disable-next-line no-control-regex -- the one control character a note may hold is the newline
  if (/[\u0000-\u0009\u000b-\u001f]|\p{Surrogate}/u.test(whole)) throw invalid('it holds control characters or is no Unicode');
  const end = whole.lastIndexOf('\n\n');
  if (end < 0 || !whole.endsWith('\n')) throw invalid('it is no text, empty line and signatures');
  const lines = whole.slice(end + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw invalid(`it has more than ${MAX_SIGNATURES} signatures`);
  return { text: whole.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

/**
 * Verifies a note. Signatures by unknown keys are passed over, one by a known key must be right (C2SP signed-note).
 * @returns the text, and which of the verifiers signed it: at least one
 * @throws MeshError `note_invalid`
 */
export function openNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[]): ParsedNote & { readonly signers: readonly NoteVerifier[] } {
  const parsed = parseNote(note);
  const signers = new Set<NoteVerifier>();
  for (const signature of parsed.signatures) {
    const verifier = verifiers.find((candidate) => candidate.matches(signature));
    if (verifier === undefined || signers.has(verifier)) continue;
    if (!verifier.verify(parsed.text, signature.signature)) throw invalid(`the signature by '${verifier.name}' is wrong`);
    signers.add(verifier);
  }
  if (signers.size === 0) throw invalid('none of the known keys signed it');
  return { ...parsed, signers: [...signers] };
}

/** The text of a signature line, newline included. */
export const formatSignature = ({ name, keyId, signature }: NoteSignature): string =>
  `${DASH}${name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`;

/** Names of keys: one word, no `+` (C2SP signed-note). */
export const isNoteName = (name: string): boolean => /^[^\s+\p{Cc}\p{Surrogate}]+$/u.test(name);

function parseSignature(line: string): NoteSignature {
  const [name, encoded, ...more] = line.startsWith(DASH) ? line.slice(DASH.length).split(' ') : [];
  const bytes = encoded === undefined ? undefined : strictBase64(encoded);
  if (name === undefined || !isNoteName(name) || bytes === undefined || bytes.length <= KEY_ID_BYTES || more.length > 0) throw invalid('a signature line is malformed');
  return { name, keyId: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

const keyIdOf = (name: string, publicKey: Uint8Array): Buffer =>
  sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicKey])).subarray(0, KEY_ID_BYTES);

/** Base64 in its one canonical form; Node's own decoder takes anything. */
export function strictBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new MeshError('note_invalid', 'it is not UTF-8', { cause });
  }
}

const invalid = (what: string): MeshError => new MeshError('note_invalid', what);
