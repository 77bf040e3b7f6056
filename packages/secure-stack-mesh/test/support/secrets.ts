import { createPrivateKey } from 'node:crypto';

/** Forms in which a secret can get out: as it is, and as encodings make it. */
function formsOf(secret: Buffer): readonly (readonly [string, Buffer])[] {
  const json = JSON.stringify(secret.toString('utf8')).slice(1, -1);
  const hex = secret.toString('hex');
  const base64 = [0, 1, 2].flatMap((shift) => base64At(secret, shift));
  return [
    ['raw', secret],
    ['UTF-16', Buffer.from(secret.toString('utf8'), 'utf16le')],
    ['hex', Buffer.from(hex)],
    ['HEX', Buffer.from(hex.toUpperCase())],
    ['JSON', Buffer.from(json)],
    // JSON within JSON, as a log line in a log line.
    ['JSON twice', Buffer.from(JSON.stringify(json).slice(1, -1))],
    ['percent', Buffer.from(encodeURIComponent(secret.toString('latin1')))],
    ['list of bytes', Buffer.from([...secret].join(','))],
    ...base64.map((text) => ['base64', Buffer.from(text)] as const),
    ...base64.map((text) => ['base64url', Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_'))] as const),
  ];
}

/** The characters of base64 that the secret alone decides, where it stands `shift` bytes after a multiple of 3. */
function base64At(secret: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64').replaceAll('=', '');
  return text.slice([0, 2, 3][shift], Math.floor(((shift + secret.length) * 8) / 6));
}

/** Where a secret was found. */
export interface Hit {
  readonly secret: string;
  readonly form: string;
  readonly output: string;
}

/** Known secrets, and a search for them in whatever was put out. */
export class Secrets {
  readonly #forms = new Map<string, readonly (readonly [string, Buffer])[]>();

  add(name: string, secret: string | Uint8Array): void {
    let unique = name;
    for (let more = 2; this.#forms.has(unique); more++) unique = `${name} #${more}`;
    this.#forms.set(unique, formsOf(Buffer.from(secret as string)));
  }

  /** A private key in PEM: its text, and the key itself, which has other encodings, too. */
  addKey(name: string, pem: string): void {
    const [, body = ''] = /-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----/.exec(pem) ?? [];
    const key = createPrivateKey(`-----BEGIN PRIVATE KEY-----${body}-----END PRIVATE KEY-----`);
    this.add(`${name} (PEM)`, body.replace(/\s/g, ''));
    const { d } = key.export({ format: 'jwk' }) as { d: string };
    this.add(`${name} (private value)`, Buffer.from(d, 'base64url'));
  }

  get names(): string[] {
    return [...this.#forms.keys()];
  }

  /** Also where line ends stand in it, as PEM and JSON of PEM have them. */
  find(outputs: ReadonlyMap<string, Uint8Array | string>): Hit[] {
    const hits: Hit[] = [];
    for (const [output, bytes] of outputs) {
      const whole = Buffer.from(bytes as string);
      const joined = Buffer.from(whole.toString('latin1').replace(/\s|\\+[nr]/g, ''), 'latin1');
      for (const [secret, forms] of this.#forms) {
        for (const [form, wanted] of forms) if (whole.includes(wanted) || joined.includes(wanted)) hits.push({ secret, form, output });
      }
    }
    return hits;
  }
}
