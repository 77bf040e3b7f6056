import { describe, expect, test } from '@jest/globals';
import { parseCertificate } from '../../src/identity/certificate.js';
import { verifyPath } from '../../src/identity/certification-path.js';
import { SignatureCache } from '../../src/identity/signature-cache.js';
import { verifyPeer, type VerifyPeerOptions } from '../../src/identity/trust-bundle.js';
import { basic, CA_EXTENSIONS, caWith, DOMAIN, HOUR, LEAF_EXTENSIONS, LEAF_ID, leafWith, make, makeCa, name, NOW, p256Keys, pinOf, PURPOSE, purposes, san, uri, without } from '../support/certificate-maker.js';

const root = makeCa('root');
const leaf = make({}, root);
const options: VerifyPeerOptions = { trustBundle: [root.der], trustDomain: DOMAIN, now: NOW };

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

describe('a peer that is proven', () => {
  test('gets the identity that its certificate says', () => {
    const { identity, leafKey } = verifyPeer([leaf.der], { ...options, expectedId: LEAF_ID });
    expect(identity).toEqual({ id: LEAF_ID, trustDomain: DOMAIN, serviceId: 'orders', publicKey: pinOf(leaf), notAfter: NOW + HOUR });
    expect(leafKey.equals(leaf.keys.publicKey)).toBe(true);
  });

  test.each([
    ['a path of several segments', leafWith(san(true, uri(`spiffe://${DOMAIN}/ns/shop/sa/orders`)))],
    ['no extended key usage', without(LEAF_EXTENSIONS, LEAF_EXTENSIONS[2]!)],
    ['no basicConstraints', without(LEAF_EXTENSIONS, LEAF_EXTENSIONS[0]!)],
    ['more purposes than needed', leafWith(purposes(PURPOSE.codeSigning, PURPOSE.client, PURPOSE.server))],
  ])('%s is fine', (_what, extensions) => {
    expect(messageOf(() => verifyPeer([make({ extensions }, root).der], options))).toBe('accepted');
  });

  test('through intermediates, of both kinds of key, with the root sent along or not', () => {
    const upper = makeCa('upper', { keys: p256Keys(), extensions: [...caWith(basic(true, 1)), san(false, uri(`spiffe://${DOMAIN}`))] }, root);
    const lower = makeCa('lower', {}, upper);
    const deep = make({ keys: p256Keys() }, lower);
    const chain = [deep.der, lower.der, upper.der];
    for (const sent of [chain, [...chain, root.der]]) expect(verifyPeer(sent, options).identity.publicKey).toBe(pinOf(deep));
  });

  test("a root of the operator's own needs no keyUsage, as openssl makes it", () => {
    const plain = makeCa('plain', { extensions: [basic(true)] });
    expect(verifyPeer([make({}, plain).der], { ...options, trustBundle: [plain.der] }).identity.id).toBe(LEAF_ID);
  });

  test('while a CA is rolled: old, new, and a renewed one with name and key of an expired one', () => {
    const expired = makeCa('root', { keys: root.keys, notAfter: NOW - HOUR / 2 });
    const other = makeCa('root');
    for (const trustBundle of [[expired.der, root.der], [root.der, expired.der], [other.der, root.der]]) {
      expect(verifyPeer([leaf.der], { ...options, trustBundle }).identity.id).toBe(LEAF_ID);
      expect(verifyPeer([make({}, other).der], { ...options, trustBundle: [...trustBundle, other.der] }).identity.id).toBe(LEAF_ID);
    }
  });

  test('a cross-signed CA after the one that is trusted does not matter', () => {
    const old = makeCa('old');
    const cross = makeCa('root', { keys: root.keys }, old);
    expect(verifyPeer([leaf.der, cross.der], options).identity.id).toBe(LEAF_ID);
    expect(verifyPeer([leaf.der, cross.der], { ...options, trustBundle: [old.der] }).identity.id).toBe(LEAF_ID);
  });
});

describe('dates', () => {
  test('clocks may differ by 60 s, by default and to the millisecond', () => {
    const short = make({ notBefore: NOW, notAfter: NOW + HOUR }, root);
    const at = (now: number, skewMs?: number): string =>
      messageOf(() => verifyPeer([short.der], { ...options, now, ...(skewMs === undefined ? {} : { skewMs }) })).split(':')[0]!;
    expect(at(NOW - 60_000)).toBe('accepted');
    expect(at(NOW - 60_001)).toBe('certificate_not_yet_valid');
    expect(at(NOW + HOUR + 60_000)).toBe('accepted');
    expect(at(NOW + HOUR + 60_001)).toBe('certificate_expired');
    expect(at(NOW - 1, 0)).toBe('certificate_not_yet_valid');
    expect(at(NOW + HOUR + 1, 0)).toBe('certificate_expired');
  });

  test('are looked at each time, whatever the cache remembers', () => {
    expect(messageOf(() => verifyPeer([leaf.der], options))).toBe('accepted');
    expect(messageOf(() => verifyPeer([leaf.der], { ...options, now: NOW + 2 * HOUR }))).toMatch(/^certificate_expired: /);
  });
});

describe('trust domains', () => {
  const foreignCa = makeCa('foreign');
  const foreign = (domain: string): Buffer[] => [make({ extensions: leafWith(san(true, uri(`spiffe://${domain}/orders`))) }, foreignCa).der];

  test('the text for those who meet two local ones (PROTOCOL 6.3)', () => {
    expect(messageOf(() => verifyPeer(foreign('local-ab12cd34ef567890'), { ...options, trustDomain: 'local-cd34000000000000', ownIsLocal: true }))).toBe(
      "peer_untrusted: the peer's trust domain is local-ab12…, ours local-cd34…: share keysDir or set identity (secure-stack-mesh ca init)",
    );
  });

  test('a domain that is not local is shown whole', () => {
    expect(messageOf(() => verifyPeer(foreign('evil.example'), { ...options, trustDomain: 'local-cd34000000000000' }))).toBe(
      "peer_untrusted: the peer's trust domain is evil.example, ours local-cd34…: share keysDir or set identity (secure-stack-mesh ca init)",
    );
    expect(messageOf(() => verifyPeer(foreign('evil.example'), options))).toBe(
      `peer_untrusted: the peer's trust domain is evil.example, ours ${DOMAIN}: caFile vouches for the own trust domain only`,
    );
  });

  test('a CA in our bundle vouches for no other domain', () => {
    expect(messageOf(() => verifyPeer(foreign('evil.example'), { ...options, trustBundle: [foreignCa.der] }))).toMatch(/^peer_untrusted: /);
  });

  test('a CA of another domain in our bundle vouches for nobody', () => {
    const other = makeCa('other', { extensions: [...CA_EXTENSIONS, san(false, uri('spiffe://other.example'))] });
    expect(messageOf(() => verifyPeer([make({}, other).der], { ...options, trustBundle: [other.der] }))).toMatch(/^peer_untrusted: a CA certificate/);
  });
});

describe('pins', () => {
  const intermediate = makeCa('intermediate', {}, root);
  const below = make({}, intermediate);
  const chain = [below.der, intermediate.der];
  test.each([
    ['the leaf', pinOf(below)],
    ['an intermediate', pinOf(intermediate)],
    ['the root', pinOf(root)],
  ])('on %s', (_what, pin) => {
    expect(verifyPeer(chain, { ...options, pins: ['A'.repeat(43), pin] }).identity.id).toBe(LEAF_ID);
  });

  test('come after everything else: a pinned peer that is expired stays expired', () => {
    expect(messageOf(() => verifyPeer(chain, { ...options, now: NOW + 2 * HOUR, pins: [pinOf(below)] }))).toMatch(/^certificate_expired: /);
  });
});

describe('remembered signatures', () => {
  const parsed = parseCertificate(root.der);
  test('are bound to the key that made them, and only what is to be remembered is', () => {
    const cache = new SignatureCache();
    const certificate = parseCertificate(leaf.der);
    expect(cache.isSignedBy(certificate, parsed)).toBe(true);
    expect(cache.size).toBe(0);
    cache.remember(certificate, parsed);
    expect(cache.isSignedBy(certificate, parseCertificate(makeCa('root').der))).toBe(false);
    expect(cache.size).toBe(1);
  });

  test('are bounded, the least recently used goes first', () => {
    const cache = new SignatureCache(2);
    const [first, second, third] = ['a', 'b', 'c'].map((subject) => parseCertificate(make({ subject: name(subject) }, root).der));
    for (const certificate of [first, second, first, third]) cache.remember(certificate!, parsed);
    expect(cache.size).toBe(2);
    // A certificate with another's fingerprint and no signature of its own is known only while that one is remembered.
    const remembered = (certificate: typeof first): boolean => cache.isSignedBy({ ...certificate!, signature: Buffer.alloc(64) }, parsed);
    expect([first, second, third].map(remembered)).toEqual([true, false, true]);
    // A use counts as well as a new entry.
    expect(remembered(first)).toBe(true);
    cache.remember(second!, parsed);
    expect([first, second, third].map(remembered)).toEqual([true, true, false]);
  });

  test('regression: only links of a path that was accepted are, so that no stranger fills the cache', () => {
    const [signatures, anchors] = [new SignatureCache(), [parsed]];
    const policy = { anchors, trustDomain: DOMAIN, now: NOW, skewMs: 0, signatures };
    const verify = (...chain: readonly { readonly der: Buffer }[]): string => messageOf(() => verifyPath(chain.map(({ der }) => parseCertificate(der)), policy));
    // All of a stranger's own making.
    const foreign = makeCa('foreign');
    const middle = makeCa('middle', {}, foreign);
    expect(verify(make({}, middle), middle, foreign)).toMatch(/^peer_untrusted/);
    // A service with a good certificate, playing CA.
    expect(verify(make({}, leaf), leaf)).toMatch(/^certificate_invalid/);
    expect(verify(make({ notAfter: NOW - 1 }, root))).toMatch(/^certificate_expired/);
    expect(signatures.size).toBe(0);
    const issuing = makeCa('issuing', {}, root);
    expect(verify(make({}, issuing), issuing, root)).toBe('accepted');
    expect(signatures.size).toBe(2);
  });
});
