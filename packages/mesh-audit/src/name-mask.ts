/** Which metadata is shown. Names are compared without case, dashes, dots and underscores, in Unicode's NFKC form: `api-key` is `apiKey`. */
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
  'passcode', 'keypem', 'keymaterial', 'connectionstring', 'mnemonic', 'csrf', 'xsrf',
];
/** Masked as whole names: as parts they would hit harmless ones. */
const SECRET_NAMES = new Set(['auth', 'pin', 'otp', 'ssn', 'cvv', 'cvc', 'pan', 'sid', 'sessionid']);
/** Masked as a name's last word: `dbPass`, `sentry_dsn`. In front of others they are harmless (`passCount`), within a word too (`compass`). */
const SECRET_LAST_WORDS = new Set(['pass', 'pw', 'dsn', 'seed']);
/** Every name that ends in `key` or `keys`, with or without a number, is masked, but for these. */
const PUBLIC_KEYS = new Set(['publickey', 'publickeys']);
/** Verdicts kept. Names come from code, but some may come from a peer: beyond this they are worked out each time. */
const MAX_VERDICTS = 1_000;
const MAX_KEPT_NAME = 64;
/** Longer ones are masked unread. */
const MAX_NAME_LENGTH = 256;

/** NFKC: fullwidth and other look-alikes of a name count as that name. */
const plain = (name: string): string => name.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** `db_pass2` → `pass`. */
const lastWord = (name: string): string => plain(/(?:\p{Lu}*\p{Ll}+|\p{Lu}+)[^\p{L}]*$/u.exec(name.normalize('NFKC'))?.[0] ?? '').replace(/\d+$/, '');

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
    if (name.length > MAX_NAME_LENGTH) return true;
    const verdict = (level === 'top' && this.#only !== undefined && !this.#only.has(plain(name))) || this.isSecret(name);
    if (verdicts.size < MAX_VERDICTS && name.length <= MAX_KEPT_NAME) verdicts.set(name, verdict);
    return verdict;
  }

  /** Whether a text that is a value is such a name: verdicts are not kept, as values must not be. */
  isSecret(name: string): boolean {
    const text = plain(name);
    if (this.#allow.has(text)) return false;
    const unnumbered = text.replace(/\d+$/, '');
    if (SECRET_NAMES.has(unnumbered) || this.#parts.some((part) => text.includes(part))) return true;
    if (SECRET_LAST_WORDS.has(unnumbered) || SECRET_LAST_WORDS.has(lastWord(name))) return true;
    return /keys?$/.test(unnumbered) && !PUBLIC_KEYS.has(unnumbered);
  }
}
