import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { verifyPeer, type VerifyPeerOptions } from '../../src/identity/trust-bundle.js';
import {
  basic, CA_EXTENSIONS, caWith, DOMAIN, ECDSA_SHA256_ALGORITHM, ED25519_ALGORITHM, ed25519Keys, extension, hex, HOUR, ID, LEAF_EXTENSIONS, LEAF_ID, leafWith, make,
  makeCa, name, NOW, oid, p256Keys, pinOf, PURPOSE, purposes, san, seq, time, tlv, uri, USAGE, usage, without, type Made, type Recipe,
} from '../support/certificate-maker.js';

const root = makeCa('root');
const options: VerifyPeerOptions = { trustBundle: [root.der], trustDomain: DOMAIN, now: NOW };

const leaf = (recipe: Recipe, signer: Made = root): Buffer[] => [make(recipe, signer).der];
const leafOf = (id: string): Buffer[] => leaf({ extensions: leafWith(san(true, uri(id))) });
const below = (intermediate: Recipe, recipe: Recipe = {}): Buffer[] => {
  const ca = makeCa('intermediate', intermediate, root);
  return [make(recipe, ca).der, ca.der];
};

function outcome(chain: readonly Buffer[], over: Partial<VerifyPeerOptions> = {}): { reason: string; text: string } {
  try {
    verifyPeer(chain, { ...options, ...over });
  } catch (error) {
    if (!MeshError.is(error)) throw error;
    return { reason: error.reason, text: error.text };
  }
  return { reason: 'accepted', text: '' };
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const x25519 = generateKeyPairSync('x25519');
const stranger = makeCa('root');
const good = make({}, root);
const flipped = (der: Buffer, at: number): Buffer => {
  const copy = Buffer.from(der);
  copy[at < 0 ? copy.length + at : at]! ^= 1;
  return copy;
};
const p256Root = makeCa('p256', { keys: p256Keys() });

// security.md, test 5: what must never be accepted, and why it is not.
const bad: [what: string, reason: string, text: string, chain: () => readonly Buffer[], over?: () => Partial<VerifyPeerOptions>][] = [
  // The id
  ['two URI SANs', 'certificate_invalid', 'the certificate has 2 URI SANs, not exactly one', () => leaf({ extensions: leafWith(san(true, uri(LEAF_ID), uri(`spiffe://${DOMAIN}/admin`))) })],
  ['the same URI SAN twice', 'certificate_invalid', 'the certificate has 2 URI SANs, not exactly one', () => leaf({ extensions: leafWith(san(true, uri(LEAF_ID), uri(LEAF_ID))) })],
  ['a second URI of another scheme', 'certificate_invalid', 'the certificate has 2 URI SANs, not exactly one', () => leaf({ extensions: leafWith(san(true, uri(LEAF_ID), uri('https://example.org'))) })],
  ['no SAN', 'certificate_invalid', 'the certificate has 0 URI SANs, not exactly one', () => leaf({ extensions: without(LEAF_EXTENSIONS, LEAF_EXTENSIONS[3]!) })],
  ['a SAN without URI', 'certificate_invalid', 'the certificate has 0 URI SANs, not exactly one', () => leaf({ extensions: leafWith(san(true, tlv(0x82, Buffer.from('orders')))) })],
  ['an id hidden in a DNS name', 'certificate_invalid', 'the certificate has 0 URI SANs, not exactly one', () => leaf({ extensions: leafWith(san(true, tlv(0x82, Buffer.from(`x, URI:${LEAF_ID}`)))) })],
  ['an empty SAN', 'certificate_invalid', 'an empty subjectAltName', () => leaf({ extensions: leafWith(san(true)) })],
  ['an unknown kind of name in the SAN', 'certificate_invalid', 'an unknown kind of name', () => leaf({ extensions: leafWith(san(true, uri(LEAF_ID), tlv(0x89, Buffer.from('x')))) })],
  ['foreign trust domain', 'peer_untrusted', 'caFile vouches for the own trust domain only', () => leafOf('spiffe://other.example/orders')],
  ['a trust domain that begins with ours', 'peer_untrusted', 'caFile vouches for the own trust domain only', () => leafOf(`spiffe://${DOMAIN}.evil.example/orders`)],
  ['`..` in the path', 'certificate_invalid', 'no path segment may be "." or ".."', () => leafOf(`spiffe://${DOMAIN}/a/../orders`)],
  ['`.` in the path', 'certificate_invalid', 'no path segment may be "." or ".."', () => leafOf(`spiffe://${DOMAIN}/./orders`)],
  ['an empty segment', 'certificate_invalid', 'a path segment has', () => leafOf(`spiffe://${DOMAIN}//orders`)],
  ['a slash at the end', 'certificate_invalid', 'a path segment has', () => leafOf(`spiffe://${DOMAIN}/orders/`)],
  ['upper-case trust domain', 'certificate_invalid', 'a trust domain has', () => leafOf(`spiffe://Prod.example.org/orders`)],
  ['upper-case scheme', 'certificate_invalid', 'it must begin with spiffe://', () => leafOf(`SPIFFE://${DOMAIN}/orders`)],
  ['another scheme', 'certificate_invalid', 'it must begin with spiffe://', () => leafOf(`https://${DOMAIN}/orders`)],
  ['root path', 'certificate_invalid', 'the certificate names a whole trust domain, not a service', () => leafOf(`spiffe://${DOMAIN}`)],
  ['a port', 'certificate_invalid', 'a trust domain has', () => leafOf(`spiffe://${DOMAIN}:443/orders`)],
  ['user info', 'certificate_invalid', 'a trust domain has', () => leafOf(`spiffe://me@${DOMAIN}/orders`)],
  ['percent encoding', 'certificate_invalid', 'a path segment has', () => leafOf(`spiffe://${DOMAIN}/%6frders`)],
  ['a query', 'certificate_invalid', 'a path segment has', () => leafOf(`${LEAF_ID}?x`)],
  ['a fragment', 'certificate_invalid', 'a path segment has', () => leafOf(`${LEAF_ID}#x`)],
  ['a NUL in the id', 'certificate_invalid', 'a path segment has', () => leafOf(`${LEAF_ID}\0.x`)],
  ['a newline after the id', 'certificate_invalid', 'a path segment has', () => leafOf(`${LEAF_ID}\n`)],
  ['an id that is not ASCII', 'certificate_invalid', 'a URI that is not ASCII', () => leafOf(`spiffe://${DOMAIN}/ordérs`)],
  ['an id of 2,049 bytes', 'certificate_invalid', 'longer than 2048 bytes', () => leafOf(`spiffe://${DOMAIN}/${'x'.repeat(2048 - `spiffe://${DOMAIN}`.length)}`)],
  ['a SAN that is not critical beside an empty subject', 'certificate_invalid', 'the subject is empty and the SAN not critical', () => leaf({ subject: name(''), extensions: leafWith(san(false, uri(LEAF_ID))) })],
  // What the key may do
  ['a CA as a service', 'certificate_invalid', 'a CA certificate is used as that of a service', () => leaf({ extensions: leafWith(basic(true)) })],
  ['no keyUsage', 'certificate_invalid', 'the certificate has no keyUsage', () => leaf({ extensions: without(LEAF_EXTENSIONS, LEAF_EXTENSIONS[1]!) })],
  ['keyUsage not critical', 'certificate_invalid', 'keyUsage is not critical', () => leaf({ extensions: leafWith(usage(USAGE.digitalSignature, false)) })],
  ['keyUsage without digitalSignature', 'certificate_invalid', 'keyUsage lacks digitalSignature', () => leaf({ extensions: leafWith(usage(USAGE.none)) })],
  ['keyUsage with keyCertSign', 'certificate_invalid', 'keyUsage of a service has keyCertSign or cRLSign', () => leaf({ extensions: leafWith(usage(USAGE.leafAndCa)) })],
  ['keyUsage with cRLSign', 'certificate_invalid', 'keyUsage of a service has keyCertSign or cRLSign', () => leaf({ extensions: leafWith(usage('03020182')) })],
  ['extendedKeyUsage of a server only', 'certificate_invalid', 'extendedKeyUsage lacks serverAuth or clientAuth', () => leaf({ extensions: leafWith(purposes(PURPOSE.server)) })],
  ['extendedKeyUsage for code', 'certificate_invalid', 'extendedKeyUsage lacks serverAuth or clientAuth', () => leaf({ extensions: leafWith(purposes(PURPOSE.codeSigning)) })],
  ['an unknown critical extension', 'certificate_invalid', 'must be understood and is not: 1.2.3.4', () => leaf({ extensions: [...LEAF_EXTENSIONS, extension('1.2.3.4', true, hex('0500'))] })],
  ['name constraints, even if not critical', 'certificate_invalid', 'must be understood and is not: 2.5.29.30', () => leaf({ extensions: [...LEAF_EXTENSIONS, extension(ID.nameConstraints, false, seq())] })],
  // Dates
  ['expired', 'certificate_expired', 'the certificate was valid until 2026-06-15T11:58:59.000Z', () => leaf({ notAfter: NOW - 60_001 })],
  ['not yet valid', 'certificate_not_yet_valid', 'the certificate is valid from 2026-06-15T12:01:01.000Z', () => leaf({ notBefore: NOW + 61_000 })],
  ['an expired intermediate', 'certificate_expired', 'a CA certificate', () => below({ notAfter: NOW - 60_001 })],
  ['an intermediate that is not yet valid', 'certificate_not_yet_valid', 'a CA certificate', () => below({ notBefore: NOW + 61_000 })],
  ['an expired root', 'certificate_expired', 'a CA certificate', () => [good.der], () => ({ trustBundle: [makeCa('root', { keys: root.keys, notAfter: NOW - 60_001 }).der] })],
  ['an end before the begin', 'certificate_invalid', 'an end of validity before its begin', () => leaf({ notBefore: NOW + HOUR, notAfter: NOW - HOUR })],
  // The path
  ['self-signed', 'peer_untrusted', 'no CA of the own trust domain', () => [make({}, undefined).der]],
  ['issued by another CA of the same name', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({}, stranger)],
  ['issued by nobody we know', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({}, makeCa('other'))],
  ['the right key under another issuer name', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({ issuer: name('toor') })],
  ['another CA of the same name that is sent along', 'peer_untrusted', 'no CA of the own trust domain', () => [make({}, stranger).der, stranger.der]],
  ['an own root that is sent along', 'peer_untrusted', 'no CA of the own trust domain', () => [make({}, stranger).der, root.der]],
  ['a leaf used as CA', 'certificate_invalid', 'the certificate is issued by one that is no CA', () => [make({}, good).der, good.der]],
  ['an intermediate without basicConstraints', 'certificate_invalid', 'the certificate is issued by one that is no CA', () => below({ extensions: [usage(USAGE.certSign)] })],
  ['an intermediate without cA', 'certificate_invalid', 'the certificate is issued by one that is no CA', () => below({ extensions: caWith(basic(false)) })],
  ['an intermediate whose cA is not critical', 'certificate_invalid', 'basicConstraints of a CA is not critical', () => below({ extensions: caWith(basic(true, undefined, false)) })],
  ['an intermediate without keyUsage', 'certificate_invalid', 'a CA certificate lacks a critical keyUsage with keyCertSign', () => below({ extensions: [basic(true)] })],
  ['an intermediate without keyCertSign', 'certificate_invalid', 'a CA certificate lacks a critical keyUsage with keyCertSign', () => below({ extensions: caWith(usage(USAGE.digitalSignature)) })],
  ['an intermediate whose keyUsage is not critical', 'certificate_invalid', 'a CA certificate lacks a critical keyUsage with keyCertSign', () => below({ extensions: caWith(usage(USAGE.certSign, false)) })],
  ['an intermediate for code', 'certificate_invalid', 'extendedKeyUsage of a CA lacks serverAuth or clientAuth', () => below({ extensions: [...CA_EXTENSIONS, purposes(PURPOSE.codeSigning)] })],
  ['an intermediate with an unknown critical extension', 'certificate_invalid', 'must be understood and is not: 1.2.3.4', () => below({ extensions: [...CA_EXTENSIONS, extension('1.2.3.4', true, hex('0500'))] })],
  ['an intermediate of another trust domain', 'peer_untrusted', 'a CA certificate in the chain belongs to another trust domain', () => below({ extensions: [...CA_EXTENSIONS, san(false, uri('spiffe://other.example'))] })],
  ['an intermediate that names a service', 'certificate_invalid', 'a CA certificate names a service', () => below({ extensions: [...CA_EXTENSIONS, san(false, uri(LEAF_ID))] })],
  ['pathLen of the root exceeded', 'certificate_invalid', 'the chain is longer than a CA in it allows (pathLen)', () => below({}), () => ({ trustBundle: [makeCa('root', { keys: root.keys, extensions: caWith(basic(true, 0)) }).der] })],
  ['pathLen of an intermediate exceeded', 'certificate_invalid', 'the chain is longer than a CA in it allows (pathLen)', () => {
    const upper = makeCa('upper', { extensions: caWith(basic(true, 0)) }, root);
    const lower = makeCa('lower', {}, upper);
    return [make({}, lower).der, lower.der, upper.der];
  }],
  ['intermediates in the wrong order', 'peer_untrusted', 'no CA of the own trust domain', () => {
    const upper = makeCa('upper', {}, root);
    const lower = makeCa('lower', {}, upper);
    return [make({}, lower).der, upper.der, lower.der];
  }],
  ['a missing intermediate', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({}, makeCa('intermediate', {}, root))],
  ['no certificate', 'certificate_invalid', 'the peer sent no certificate', () => []],
  ['six certificates', 'certificate_invalid', 'more than 5 certificates', () => [good.der, ...Array.from({ length: 5 }, () => root.der)]],
  ['an empty trust bundle', 'peer_untrusted', 'no CA of the own trust domain', () => [good.der], () => ({ trustBundle: [] })],
  // Keys and signatures
  ['an RSA key', 'certificate_invalid', 'a key that is neither', () => leaf({ spki: rsa.publicKey.export({ type: 'spki', format: 'der' }) })],
  ['a P-384 key', 'certificate_invalid', 'a key that is neither', () => leaf({ spki: p384.publicKey.export({ type: 'spki', format: 'der' }) })],
  ['an X25519 key', 'certificate_invalid', 'a key that is neither', () => leaf({ spki: x25519.publicKey.export({ type: 'spki', format: 'der' }) })],
  ['a P-256 point that is not on the curve', 'certificate_invalid', 'the certificate has a public key that is not a point of its curve', () => leaf({ spki: flipped(p256Keys().publicKey.export({ type: 'spki', format: 'der' }), -1) })],
  ['signed with RSA', 'certificate_invalid', 'signed with neither', () => leaf({ innerAlgorithm: seq(hex('06092a864886f70d01010b'), hex('0500')), signature: Buffer.alloc(256, 1) })],
  ['the algorithm with parameters', 'certificate_invalid', 'bytes after the end of the signature algorithm', () => leaf({ innerAlgorithm: seq(oid('1.3.101.112'), hex('0500')) })],
  ['two different algorithms', 'certificate_invalid', 'two different signature algorithms', () => leaf({ outerAlgorithm: ECDSA_SHA256_ALGORITHM })],
  ['an algorithm that is not that of the key', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({ innerAlgorithm: ECDSA_SHA256_ALGORITHM })],
  ['Ed25519 in name, P-256 in truth', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({ innerAlgorithm: ED25519_ALGORITHM }, p256Root), () => ({ trustBundle: [p256Root.der] })],
  ['a changed signature', 'peer_untrusted', 'no CA of the own trust domain', () => [flipped(good.der, -1)]],
  ['an empty signature', 'peer_untrusted', 'no CA of the own trust domain', () => leaf({ signature: Buffer.alloc(0) })],
  ['a P-256 signature in ieee-p1363 form', 'peer_untrusted', 'no CA of the own trust domain', () => {
    const recipe = { keys: ed25519Keys() };
    const { der } = make(recipe, p256Root);
    // The signed part: behind the outer header of 4 bytes, with its own.
    const tbs = der.subarray(4, 8 + der.readUInt16BE(6));
    return leaf({ ...recipe, signature: sign('sha256', tbs, { key: p256Root.keys.privateKey, dsaEncoding: 'ieee-p1363' }) }, p256Root);
  }, () => ({ trustBundle: [p256Root.der] })],
  // S >= L: RFC 8032 5.1.7, CVE-2026-33895
  ['an Ed25519 signature with S + L', 'peer_untrusted', 'no CA of the own trust domain', () => {
    const copy = Buffer.from(good.der);
    const s = copy.subarray(-32);
    const order = hex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
    let carry = 0;
    for (let i = 0; i < 32; i++) {
      carry += s[i]! + order[i]!;
      s[i] = carry & 255;
      carry >>= 8;
    }
    return [copy];
  }],
  // DER
  ['bytes after the certificate', 'certificate_invalid', 'bytes after the end of the certificate', () => [Buffer.concat([good.der, hex('00')])]],
  ['bytes after the signature', 'certificate_invalid', 'bytes after the end of the signature', () => leaf({ trailer: hex('0500') })],
  ['nothing', 'certificate_invalid', 'no certificate where one must be', () => [Buffer.alloc(0)]],
  ['cut off', 'certificate_invalid', 'an element longer than what holds it', () => [good.der.subarray(0, -1)]],
  ['longer than 8 KiB', 'certificate_invalid', 'longer than 8192 bytes', () => leaf({ subject: name('x'.repeat(8192)) })],
  ['an indefinite length', 'certificate_invalid', 'a length that is indefinite, too big or cut off', () => [Buffer.concat([hex('3080'), good.der.subarray(4), hex('0000')])]],
  ['a length not in its shortest form', 'certificate_invalid', 'a length that is indefinite, too big or cut off', () => [Buffer.concat([hex('308300'), good.der.subarray(2)])]],
  ['a long length where a short one does', 'certificate_invalid', 'a length not in its shortest form', () => leaf({ serial: hex('0281021234') })],
  ['version 1', 'certificate_invalid', 'no version where one must be', () => leaf({ version: Buffer.alloc(0), extensions: [] })],
  ['version 2', 'certificate_invalid', 'a version other than 3', () => leaf({ version: hex('a003020101') })],
  ['no extensions', 'certificate_invalid', 'no list of extensions where one must be', () => leaf({ extensions: [] })],
  ['the same extension twice', 'certificate_invalid', 'the same extension twice', () => leaf({ extensions: [...LEAF_EXTENSIONS, LEAF_EXTENSIONS[1]!] })],
  ['critical FALSE written out', 'certificate_invalid', 'a BOOLEAN that is not TRUE', () => leaf({ extensions: [...LEAF_EXTENSIONS, seq(oid('1.2.3.4'), hex('010100'), hex('04020500'))] })],
  ['critical as BER would take it', 'certificate_invalid', 'a BOOLEAN that is not TRUE', () => leaf({ extensions: [...LEAF_EXTENSIONS, seq(oid('1.2.3.4'), hex('010101'), hex('04020500'))] })],
  ['cA FALSE written out', 'certificate_invalid', 'a BOOLEAN that is not TRUE', () => leaf({ extensions: leafWith(extension(ID.basic, true, hex('3003010100'))) })],
  ['bytes after an extension value', 'certificate_invalid', 'bytes after the end of basicConstraints', () => leaf({ extensions: leafWith(extension(ID.basic, true, hex('300000'))) })],
  ['a path length without cA', 'certificate_invalid', 'a path length without cA', () => leaf({ extensions: leafWith(basic(false, 0)) })],
  ['keyUsage with zero bits at its end', 'certificate_invalid', 'named bits not in their shortest form', () => leaf({ extensions: leafWith(usage('03020080')) })],
  ['keyUsage of three bytes', 'certificate_invalid', 'bad named bits', () => leaf({ extensions: leafWith(usage('030400800001')) })],
  ['a negative serial number', 'certificate_invalid', 'a negative INTEGER', () => leaf({ serial: hex('0202ff34') })],
  ['a serial number of zero', 'certificate_invalid', 'a serial number that is zero or longer than 20 bytes', () => leaf({ serial: hex('020100') })],
  ['a serial number of 21 bytes', 'certificate_invalid', 'a serial number that is zero or longer than 20 bytes', () => leaf({ serial: tlv(2, Buffer.alloc(21, 1)) })],
  ['a serial number with a zero in front', 'certificate_invalid', 'an INTEGER not in its shortest form', () => leaf({ serial: hex('02020012') })],
  ['a unique id', 'certificate_invalid', 'no list of extensions where one must be', () => leaf({ extra: hex('81020000') })],
  ['31 February', 'certificate_invalid', 'a date that does not exist', () => leaf({ validity: seq(tlv(0x17, Buffer.from('260231000000Z')), time(NOW + HOUR)) })],
  ['a date with a zone', 'certificate_invalid', 'a date not in the form of RFC 5280', () => leaf({ validity: seq(tlv(0x17, Buffer.from('2606150000+0100')), time(NOW + HOUR)) })],
  ['a GeneralizedTime before 2050', 'certificate_invalid', 'a date not in the form of RFC 5280', () => leaf({ validity: seq(tlv(0x18, Buffer.from('20260615000000Z')), time(NOW + HOUR)) })],
  ['a name 100 levels deep', 'certificate_invalid', 'no relative name where one must be', () => leaf({ subject: Array.from({ length: 100 }).reduce<Buffer>((inner) => seq(inner), Buffer.alloc(0)) })],
  ['a subject that is no name', 'certificate_invalid', 'no name attribute where one must be', () => leaf({ subject: seq(tlv(0x31)) })],
  ['tags of more than one byte', 'certificate_invalid', 'no list of extensions where one must be', () => leaf({ extra: hex('bf8f0000') })],
  // Proven, but not who was dialled or pinned
  ['another service', 'peer_mismatch', 'was dialled, ', () => [good.der], () => ({ expectedId: `spiffe://${DOMAIN}/payments` })],
  ['an id that differs in case', 'peer_mismatch', 'was dialled, ', () => [good.der], () => ({ expectedId: LEAF_ID.replace('orders', 'Orders') })],
  ['a pin on another key', 'pin_mismatch', 'no pin of', () => [good.der], () => ({ pins: ['A'.repeat(43)] })],
  ['no pin at all in a list of pins', 'pin_mismatch', 'no pin of', () => [good.der], () => ({ pins: [] })],
  ['a pin on a certificate that is sent along', 'pin_mismatch', 'no pin of', () => [good.der, stranger.der], () => ({ pins: [pinOf(stranger)] })],
];

describe('certificates that prove nothing', () => {
  test('the list has no entry that fails for being made badly: its base is accepted', () => {
    expect(outcome([good.der]).reason).toBe('accepted');
    expect(outcome(below({})).reason).toBe('accepted');
    expect(outcome(leaf({ keys: ed25519Keys() }, p256Root), { trustBundle: [p256Root.der] }).reason).toBe('accepted');
    expect(outcome(leafOf(`spiffe://${DOMAIN}/${'x'.repeat(2047 - `spiffe://${DOMAIN}`.length)}`)).reason).toBe('accepted');
  });

  test.each(bad)('%s: %s', (_what, reason, text, chain, over) => {
    const certificates = chain();
    const settings = over?.() ?? {};
    // A second time, when the cache knows what there was to know.
    for (const _round of [1, 2]) expect(outcome(certificates, settings)).toEqual({ reason, text: expect.stringContaining(text) });
  });
});
