import { inspect, types } from 'node:util';

/** One way in which a secret can show. */
interface Form {
  readonly name: string;
  readonly text: string;
  /** Compared without white space: dumps of bytes are broken into lines and columns. */
  readonly packed: boolean;
}

/** Shorter ones would be found by chance. */
export const MIN_SECRET_LENGTH = 8;

/** Looks for secrets in texts, whatever they are encoded in. */
export class SecretSearch {
  readonly #forms: readonly Form[];

  constructor(secrets: readonly string[]) {
    this.#forms = secrets.flatMap(piecesOf).flatMap(formsOf);
  }

  /** In which form the text gives a secret away; `undefined` if it does not. */
  find(text: string): string | undefined {
    const packed = text.replace(/\s/g, '');
    const lower = packed.toLowerCase();
    for (const { name, text: form, packed: isPacked } of this.#forms) {
      if ((isPacked ? (name === 'in hex' ? lower : packed) : text).includes(form)) return name;
    }
    return undefined;
  }
}

/** A key in PEM form is also given away by its lines. */
function piecesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith('-----'));
  return secret.includes('\n') ? [secret, ...lines] : [secret];
}

function formsOf(secret: string): Form[] {
  const bytes = Buffer.from(secret, 'utf8');
  const forms: Form[] = [
    { name: 'as it is', text: secret, packed: false },
    { name: 'escaped as in JSON', text: JSON.stringify(secret).slice(1, -1), packed: false },
    { name: 'escaped as by util.inspect()', text: inspect(secret, { breakLength: Infinity, maxStringLength: Infinity }).slice(1, -1), packed: false },
    { name: 'escaped as in a URL', text: encodeURIComponent(secret), packed: false },
    { name: 'in hex', text: bytes.toString('hex'), packed: true },
    { name: 'as a list of bytes', text: [...bytes].join(','), packed: true },
  ];
  // Three bytes are four characters: within a longer text (`user:secret`) there are three ways to fall.
  for (const offset of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64').replace(/=+$/, '');
    // The first and the last character also depend on what stands beside the secret.
    const inner = encoded.slice(offset === 0 ? 0 : offset + 1, (offset + bytes.length) % 3 === 0 ? undefined : -1);
    forms.push({ name: 'in base64', text: inner, packed: true });
    forms.push({ name: 'in base64url', text: inner.replaceAll('+', '-').replaceAll('/', '_'), packed: true });
  }
  return forms;
}

/** Everything that printing a value could show: as JSON, as text, inspected to the ground, its enumerable members, an error's stack and causes. */
export function printed(value: unknown): string {
  const texts = [inspect(value, { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity, breakLength: Infinity })];
  // Some values cannot be made into JSON or text; then that shows nothing.
  for (const show of [() => JSON.stringify(value), () => String(value)]) {
    try {
      texts.push(show());
    } catch (error) {
      texts.push(String(error));
    }
  }
  // Errors of Node.js itself are of another realm where a runner (Jest) gives tests one of their own.
  if (value instanceof Error || types.isNativeError(value)) {
    texts.push(value.message, value.stack ?? '');
    if (value.cause !== undefined) texts.push(printed(value.cause));
  }
  return texts.join('\n');
}
