/** Which metadata is shown. Names are compared without case, dashes, dots and underscores: `api-key` is `apiKey`. */
export interface NameMaskOptions {
  /** More names to mask, besides the built-in ones; also as a part of longer names. */
  readonly mask?: readonly string[] | undefined;
  /** Names never masked, though the rules would, e.g. `['partitionKey']`. Whole names. */
  readonly allow?: readonly string[] | undefined;
  /** If given, metadata at the top level shows these names alone; all others are masked. */
  readonly only?: readonly string[] | undefined;
}

/** What stands in place of a masked value. */
export const MASK = '[redacted]';

/** Masked wherever they occur in a name. */
const SECRET_PARTS = [
  'password', 'passwd', 'passphrase', 'pwd', 'secret', 'token', 'authorization', 'cookie', 'credential', 'apikey', 'privatekey', 'bearer', 'jwt', 'psk',
];
/** Masked as whole names: as parts they would hit harmless ones. */
const SECRET_NAMES = new Set(['auth', 'pin', 'otp', 'ssn', 'cvv', 'cvc', 'pan', 'sid', 'sessionid']);
/** Every name that ends in `key` or `keys` is masked, but for these. */
const PUBLIC_KEYS = new Set(['publickey', 'publickeys']);
/** Verdicts kept. Names come from code, but some may come from a peer: beyond this they are worked out each time. */
const MAX_VERDICTS = 1_000;
const MAX_KEPT_NAME = 64;

const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** Decides by its name whether a value may be shown. */
export class NameMask {
  readonly #parts: readonly string[];
  readonly #allow: ReadonlySet<string>;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #verdicts = { top: new Map<string, boolean>(), nested: new Map<string, boolean>() };

  constructor(options: NameMaskOptions = {}) {
    this.#parts = [...SECRET_PARTS, ...(options.mask ?? []).map(plain).filter((part) => part !== '')];
    this.#allow = new Set((options.allow ?? []).map(plain));
    this.#only = options.only === undefined ? undefined : new Set(options.only.map(plain));
  }

  /** @param level whether the name stands at the top, where `only` applies */
  hides(name: string, level: 'top' | 'nested'): boolean {
    const verdicts = this.#verdicts[level];
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const text = plain(name);
    const verdict = (level === 'top' && this.#only !== undefined && !this.#only.has(text)) || this.#isSecret(text);
    if (verdicts.size < MAX_VERDICTS && name.length <= MAX_KEPT_NAME) verdicts.set(name, verdict);
    return verdict;
  }

  #isSecret(name: string): boolean {
    if (this.#allow.has(name)) return false;
    if (SECRET_NAMES.has(name) || this.#parts.some((part) => name.includes(part))) return true;
    return /keys?$/.test(name) && !PUBLIC_KEYS.has(name);
  }
}
