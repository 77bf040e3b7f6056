import { MASK } from './name-mask.js';

/** The end of every PEM label of a private key (RFC 7468 section 10 and 11, RFC 9580's armor too): looked for first, because it is hardly ever there. */
const SIGN = 'PRIVATE KEY';
/** To the end of the text where the block has none: texts are cut. */
const BLOCK = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g;

/** A text with every private key in PEM form masked: errors quote what they could not read. */
export function maskPrivateKeys(text: string): string {
  return text.includes(SIGN) ? text.replace(BLOCK, MASK) : text;
}
