import { randomBytes } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { hkdf } from './primitives/hkdf.js';
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES, type Aead, type AeadName, type CryptoPrimitives } from './primitives/primitives.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

interface KnownSeal {
  readonly key: Buffer;
  readonly nonce: Buffer;
  readonly associatedData: Buffer;
  readonly plaintext: Buffer;
  readonly sealed: Buffer;
}

const KNOWN_SEALS: Readonly<Record<AeadName, KnownSeal>> = {
  // Test case 14 of the GCM specification
  AESGCM: {
    key: Buffer.alloc(KEY_BYTES),
    nonce: Buffer.alloc(NONCE_BYTES),
    associatedData: Buffer.alloc(0),
    plaintext: Buffer.alloc(16),
    sealed: hex('cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'),
  },
  // Wycheproof, chacha20_poly1305_test.json, tcId 35
  ChaChaPoly: {
    key: hex('b907a45075513fe8a8019edee3f2591487b2a030b03c6e1d771c862571d2ea1e'),
    nonce: hex('118a6964c2d3e380071f5266'),
    associatedData: hex('034585621af8d7ff'),
    plaintext: hex('55a465644f5b650928cbee7c063214d6'),
    sealed: hex('e4b113cb775945f3d3a8ae9ec141c00c7c43f16ce096d0dc27c95849dc383b7d'),
  },
};

/** RFC 7748, section 6.1. */
const KNOWN_EXCHANGE = {
  alicePrivate: hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
  bobPublic: hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'),
  shared: hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'),
} as const;

/** RFC 5869, case 1. */
const KNOWN_DERIVATION = {
  salt: hex('000102030405060708090a0b0c'),
  inputKey: Buffer.alloc(22, 0x0b),
  info: hex('f0f1f2f3f4f5f6f7f8f9'),
  output: hex('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'),
} as const;

/**
 * Shows that two independent implementations are right and agree: each gives the published answers, and each opens what the other
 * sealed under a random key. What an implementation does not support is left out.
 * @throws MeshError `self_test_failed` with what failed
 */
export function selfTest(first: CryptoPrimitives, second: CryptoPrimitives): void {
  for (const primitives of [first, second]) {
    attempt(`X25519 of ${primitives.name}`, () => {
      const alice = primitives.importKeyPair(KNOWN_EXCHANGE.alicePrivate);
      return alice.dh(KNOWN_EXCHANGE.bobPublic).equals(KNOWN_EXCHANGE.shared);
    });
    attempt(`HKDF-SHA256 of ${primitives.name}`, () => {
      const { salt, inputKey, info, output } = KNOWN_DERIVATION;
      return hkdf(primitives.hash('SHA256'), salt, inputKey, info, output.length).equals(output);
    });
  }
  for (const name of ['AESGCM', 'ChaChaPoly'] as const) {
    const able = [first, second].filter((primitives) => primitives.supports(name));
    const random = randomSeal();
    for (const sealer of able) {
      attempt(`${name} of ${sealer.name}`, () => seal(sealer.aead(name), KNOWN_SEALS[name]).equals(KNOWN_SEALS[name].sealed));
      for (const opener of able) {
        attempt(`${name} sealed by ${sealer.name}, opened by ${opener.name}`, () =>
          opens(opener.aead(name), random, seal(sealer.aead(name), random)),
        );
      }
    }
  }
}

function attempt(what: string, holds: () => boolean): void {
  let cause: unknown;
  try {
    if (holds()) return;
  } catch (error) {
    cause = error;
  }
  throw new MeshError('self_test_failed', what, { cause });
}

const randomSeal = (): Omit<KnownSeal, 'sealed'> => ({
  key: randomBytes(KEY_BYTES),
  nonce: randomBytes(NONCE_BYTES),
  associatedData: randomBytes(1),
  plaintext: randomBytes(100),
});

function seal(aead: Aead, { key, nonce, associatedData, plaintext }: Omit<KnownSeal, 'sealed'>): Buffer {
  const sealed = Buffer.alloc(plaintext.length + TAG_BYTES);
  aead.sealInto(key, nonce, associatedData, [plaintext], sealed, 0);
  return sealed;
}

/** Gives the plaintext back, and refuses the same with one bit changed. */
function opens(aead: Aead, { key, nonce, associatedData, plaintext }: Omit<KnownSeal, 'sealed'>, sealed: Buffer): boolean {
  if (!aead.open(key, nonce, associatedData, sealed).equals(plaintext)) return false;
  sealed.writeUInt8(sealed.readUInt8(0) ^ 1, 0);
  try {
    aead.open(key, nonce, associatedData, sealed);
    return false;
  } catch {
    return true;
  }
}
