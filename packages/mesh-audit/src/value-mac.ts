import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Makes masked values comparable. */
export interface ValueMacOptions {
  /**
   * A secret of at least 16 bytes (of UTF-8 where it is a text). Keep it as you keep a key, and the same for as long as values are to be compared: who has it can
   * try out candidates.
   */
  readonly salt: string | Uint8Array;
}

export const MIN_SALT_BYTES = 16;
/** Longer texts are masked without: hashing one would hold up who records the event. */
const MAX_CHARACTERS = 65_536;
/** 128 bits: equal ones are the same value, for any number of values a trail can hold. */
const MAC_BYTES = 16;

/** Whether it is a salt that is long enough. */
export const isSalt = (salt: unknown): salt is string | Uint8Array =>
  (typeof salt === 'string' && Buffer.byteLength(salt) >= MIN_SALT_BYTES) || (salt instanceof Uint8Array && salt.length >= MIN_SALT_BYTES);

/** Stands in for a masked value: HMAC-SHA-256 under a salt, so that equal values stay comparable and none can be read (Vault's audit devices do so). */
export class ValueMac {
  /** Prints itself without its bytes. */
  readonly #key: KeyObject;

  /** @throws MeshError `invalid_option` */
  constructor({ salt }: ValueMacOptions) {
    if (!isSalt(salt)) throw new MeshError('invalid_option', `salt: must be at least ${MIN_SALT_BYTES} bytes`);
    this.#key = createSecretKey(typeof salt === 'string' ? Buffer.from(salt, 'utf8') : salt);
  }

  /** `hmac-sha256:<base64url>` of a text, number, bigint or boolean, each type apart: `1` is not `'1'`. `undefined` for anything else, and for very long texts. */
  of(value: unknown): string | undefined {
    const typed = typeof value;
    if (typed !== 'string' && typed !== 'number' && typed !== 'bigint' && typed !== 'boolean') return undefined;
    const text = Object.is(value, -0) ? '0' : String(value);
    if (text.length > MAX_CHARACTERS) return undefined;
    const mac = createHmac('sha256', this.#key).update(`${typed}\0${text}`).digest();
    return `hmac-sha256:${mac.toString('base64url', 0, MAC_BYTES)}`;
  }
}

/**
 * What a masked value stands as in a trail that is written with this salt: to look for a value one knows.
 * @throws MeshError `invalid_option` for a salt that is too short, or a value that never stands there so
 */
export function maskedValue(value: string | number | bigint | boolean, salt: ValueMacOptions['salt']): string {
  const masked = new ValueMac({ salt }).of(value);
  if (masked === undefined) throw new MeshError('invalid_option', `value: must be a text of at most ${MAX_CHARACTERS} characters, a number, a bigint or a boolean`);
  return masked;
}
