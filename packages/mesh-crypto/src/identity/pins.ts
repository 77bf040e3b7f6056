import { timingSafeEqual } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** A SHA-256 in base64url: 43 digits, of which the last carries 4 bits. */
const PIN = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** More than any rollover needs. */
const MAX_PINS = 32;

/**
 * Checks the pins of an option (`services[].publicKey`): each a base64url SHA-256, without padding, of a SubjectPublicKeyInfo.
 * @returns the pins, frozen
 * @throws MeshError `invalid_option`
 */
export function parsePins(publicKey: string | readonly string[]): readonly string[] {
  const pins = typeof publicKey === 'string' ? [publicKey] : [...publicKey];
  if (pins.length === 0 || pins.length > MAX_PINS) throw new MeshError('invalid_option', `publicKey: 1 to ${MAX_PINS} pins, not ${pins.length}`);
  for (const pin of pins) {
    if (typeof pin !== 'string' || !PIN.test(pin)) {
      throw new MeshError('invalid_option', 'publicKey: a pin is the base64url SHA-256 of a SubjectPublicKeyInfo, 43 characters without padding');
    }
  }
  return Object.freeze(pins);
}

/** Whether any pin names any of these keys. Every pair is compared in full: the time tells nothing of which matched. */
export function matchesPins(pins: readonly string[], keyPins: readonly string[]): boolean {
  let matches = false;
  for (const pin of pins) {
    const expected = Buffer.from(pin, 'latin1');
    for (const keyPin of keyPins) {
      const actual = Buffer.from(keyPin, 'latin1');
      if (expected.length === actual.length && timingSafeEqual(expected, actual)) matches = true;
    }
  }
  return matches;
}
