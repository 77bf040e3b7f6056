import { MeshError } from '@lemur-bookstores/mesh-interface';

const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The certificates of a PEM text as DER, in their order. Text between the blocks is allowed: `openssl` writes it.
 * @param most more are refused
 * @throws MeshError `identity_invalid` where there is none, too many, or one that is damaged
 */
export function readPemCertificates(text: string, most: number): Buffer[] {
  const blocks = [...text.matchAll(BLOCK)].map(([, body = '']) => body.replace(/\s+/g, ''));
  // A damaged block must not vanish silently: a bundle with one CA less refuses peers for no visible reason.
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (blocks.length !== begun || blocks.some((body) => body === '' || !BASE64.test(body))) {
    throw new MeshError('identity_invalid', 'a PEM block of a certificate is damaged');
  }
  if (blocks.length === 0) throw new MeshError('identity_invalid', 'there is no "-----BEGIN CERTIFICATE-----" in it');
  if (blocks.length > most) throw new MeshError('identity_invalid', `there are ${blocks.length} certificates in it, at most ${most} are taken`);
  return blocks.map((body) => Buffer.from(body, 'base64'));
}
