import { inspect } from 'node:util';
import type { OptionCheck } from '@lemur-bookstores/mesh-interface';

const REDACTED = '[redacted]';
/** What a header may carry; more would end it, or begin another one. */
const PRINTABLE = /^[\x21-\x7e]+$/;
/** Longer than any key or token of the services that we know. */
const MAX_LENGTH = 8_192;

/** A key, token or password. However it is printed it says `[redacted]`: only `reveal()` gives it away, right where it is sent. */
export class Credential {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** A text without it, in whichever place and as often as it stands there: for what a server said, which may repeat what it got. */
  redact(text: string): string {
    return this.#value === '' ? text : text.replaceAll(this.#value, REDACTED);
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/**
 * A credential among options. It most often comes from `process.env`, so what is missing is a problem that names the option; a value is never in a problem.
 * @param fits whether it has the form that the service gives such keys. Default: any
 * @param what that form, in words
 * @returns `undefined` where there is a problem
 */
export function credentialOf(check: OptionCheck, name: string, value: unknown, fits: (value: string) => boolean = () => true, what = 'of another form'): Credential | undefined {
  if (value === undefined || value === null || value === '') {
    check.add(name, 'is missing; where it comes from an environment variable, that is not set');
    return undefined;
  }
  if (typeof value !== 'string') {
    check.add(name, 'must be a text');
    return undefined;
  }
  if (!PRINTABLE.test(value) || value.length > MAX_LENGTH) {
    check.add(name, `must be printable ASCII without spaces, ${MAX_LENGTH} characters at most: is there a line end behind it?`);
    return undefined;
  }
  if (!fits(value)) {
    check.add(name, `must be ${what}`);
    return undefined;
  }
  return new Credential(value);
}
