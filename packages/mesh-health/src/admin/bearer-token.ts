import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A token that callers show as `Authorization: Bearer`. Holds only a hash of it, so that neither a dump of this object nor a comparison tells it. */
export class BearerToken {
  readonly #salt = randomBytes(32);
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = this.#hash(token);
  }

  /** Takes the same time whatever is shown. @param header `Authorization`, as it came */
  matches(header: string | undefined): boolean {
    // The scheme's name is case-insensitive, RFC 9110 section 11.1.
    const [, shown] = /^Bearer +(\S+) *$/i.exec(header ?? '') ?? [];
    return timingSafeEqual(this.#hash(shown ?? ''), this.#digest) && shown !== undefined;
  }

  #hash(text: string): Buffer {
    return createHmac('sha256', this.#salt).update(text).digest();
  }
}
