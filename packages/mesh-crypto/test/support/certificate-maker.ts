import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

// Makes certificates good and bad, for tests only: every field can be got wrong on purpose.

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const ed25519Keys = (): Keys => generateKeyPairSync('ed25519');
export const p256Keys = (): Keys => generateKeyPairSync('ec', { namedCurve: 'P-256' });

export function tlv(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const n = body.length;
  return Buffer.concat([Buffer.from(n < 128 ? [tag, n] : n < 256 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 255]), body]);
}
export const seq = (...content: Uint8Array[]): Buffer => tlv(0x30, ...content);
export const hex = (digits: string): Buffer => Buffer.from(digits.replace(/\s/g, ''), 'hex');

/** Arcs below 2^14 are all that is needed here. */
export const oid = (dotted: string): Buffer => {
  const [a = 0, b = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((arc) => {
    const out = [arc & 127];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) out.unshift(128 | (left & 127));
    return out;
  });
  return tlv(6, Buffer.from([a * 40 + b, ...bytes]));
};

export const name = (text: string): Buffer => (text === '' ? seq() : seq(tlv(0x31, seq(oid('2.5.4.3'), tlv(0x0c, Buffer.from(text))))));

export const time = (ms: number): Buffer => {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  return text < '2050' ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
};

export const extension = (id: string, critical: boolean, value: Buffer): Buffer => seq(oid(id), ...(critical ? [hex('0101ff')] : []), tlv(4, value));

export const ID = { ski: '2.5.29.14', keyUsage: '2.5.29.15', san: '2.5.29.17', basic: '2.5.29.19', nameConstraints: '2.5.29.30', eku: '2.5.29.37' };
export const USAGE = { digitalSignature: '03020780', certSign: '03020106', leafAndCa: '03020284', none: '03020640' };
export const PURPOSE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2', codeSigning: '1.3.6.1.5.5.7.3.3' };

export const basic = (ca: boolean, pathLen?: number, critical = true): Buffer =>
  extension(ID.basic, critical, seq(...(ca ? [hex('0101ff')] : []), ...(pathLen === undefined ? [] : [tlv(2, Buffer.of(pathLen))])));
export const usage = (bits: string, critical = true): Buffer => extension(ID.keyUsage, critical, hex(bits));
export const purposes = (...ids: string[]): Buffer => extension(ID.eku, false, seq(...ids.map(oid)));
export const uri = (text: string): Buffer => tlv(0x86, Buffer.from(text));
export const san = (critical: boolean, ...names: Buffer[]): Buffer => extension(ID.san, critical, seq(...names));

export const ED25519_ALGORITHM = seq(oid('1.3.101.112'));
export const ECDSA_SHA256_ALGORITHM = seq(hex('06082a8648ce3d040302'));

/** Everything that a certificate is made of; what is left out is good. */
export interface Recipe {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly issuer?: Buffer;
  readonly subject?: Buffer;
  readonly validity?: Buffer;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly keys?: Keys;
  readonly spki?: Buffer;
  readonly extensions?: readonly Buffer[];
  /** Between public key and extensions. */
  readonly extra?: Buffer;
  readonly innerAlgorithm?: Buffer;
  readonly outerAlgorithm?: Buffer;
  readonly signature?: Buffer;
  /** After the signature, inside the certificate. */
  readonly trailer?: Buffer;
}

/** The time at which good certificates of these tests are valid. */
export const NOW = Date.UTC(2026, 5, 15, 12, 0, 0);
export const HOUR = 3_600_000;

export const DOMAIN = 'prod.example.org';
export const LEAF_ID = `spiffe://${DOMAIN}/orders`;
export const LEAF_EXTENSIONS = [basic(false), usage(USAGE.digitalSignature), purposes(PURPOSE.server, PURPOSE.client), san(true, uri(LEAF_ID))];
export const CA_EXTENSIONS = [basic(true), usage(USAGE.certSign)];

/** The leaf's extensions with some in the place of those with the same id. */
export const leafWith = (...others: Buffer[]): Buffer[] => withOthers(LEAF_EXTENSIONS, others);
export const caWith = (...others: Buffer[]): Buffer[] => withOthers(CA_EXTENSIONS, others);
const withOthers = (all: readonly Buffer[], others: Buffer[]): Buffer[] => {
  const idOf = (one: Buffer): string => one.subarray(one[1]! > 0x80 ? one[1]! - 0x80 + 2 : 2).subarray(0, 5).toString('hex');
  return [...all.filter((one) => !others.some((other) => idOf(other) === idOf(one))), ...others];
};
export const without = (all: readonly Buffer[], one: Buffer): Buffer[] => all.filter((other) => other !== one);

export interface Made {
  readonly der: Buffer;
  readonly keys: Keys;
  readonly subject: Buffer;
}

/** @param signer who signs; `undefined`: itself */
export function make(recipe: Recipe, signer: Made | undefined): Made {
  const keys = recipe.keys ?? ed25519Keys();
  const signing = signer?.keys ?? keys;
  const subject = recipe.subject ?? name('leaf');
  const ed25519 = signing.privateKey.asymmetricKeyType === 'ed25519';
  const algorithm = ed25519 ? ED25519_ALGORITHM : ECDSA_SHA256_ALGORITHM;
  const tbs = seq(
    recipe.version ?? hex('a003020102'),
    recipe.serial ?? hex('02021234'),
    recipe.innerAlgorithm ?? algorithm,
    recipe.issuer ?? signer?.subject ?? subject,
    recipe.validity ?? seq(time(recipe.notBefore ?? NOW - HOUR), time(recipe.notAfter ?? NOW + HOUR)),
    subject,
    recipe.spki ?? keys.publicKey.export({ type: 'spki', format: 'der' }),
    recipe.extra ?? Buffer.alloc(0),
    ...(recipe.extensions?.length === 0 ? [] : [tlv(0xa3, seq(...(recipe.extensions ?? LEAF_EXTENSIONS)))]),
  );
  const signature = recipe.signature ?? (ed25519 ? sign(null, tbs, signing.privateKey) : sign('sha256', tbs, signing.privateKey));
  const bits = tlv(3, Buffer.of(0), signature);
  return { der: seq(tbs, recipe.outerAlgorithm ?? recipe.innerAlgorithm ?? algorithm, bits, recipe.trailer ?? Buffer.alloc(0)), keys, subject };
}

export const makeCa = (subject: string, recipe: Recipe = {}, signer?: Made): Made =>
  make({ subject: name(subject), extensions: CA_EXTENSIONS, notAfter: NOW + 100 * HOUR, ...recipe }, signer);

export const pinOf = (made: Made): string => createHash('sha256').update(made.keys.publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
