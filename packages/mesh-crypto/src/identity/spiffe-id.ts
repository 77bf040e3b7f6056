import { MeshError, type MeshErrorReason } from '@lemur-bookstores/mesh-interface';

/** A SPIFFE id in its parts. */
export interface SpiffeId {
  /** The whole id, as it was given. */
  readonly id: string;
  readonly trustDomain: string;
  /** With its leading slash; empty for a trust domain itself. */
  readonly path: string;
}

const SCHEME = 'spiffe://';
const MAX_ID_BYTES = 2048;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/**
 * Reads a SPIFFE id by the rules of SPIFFE-ID section 2. Its alphabet (letters, digits, `.`, `_`, `-`, `/`) makes what comes out
 * safe to log.
 * @param reason of the error; default `certificate_invalid`, for an option e.g. `invalid_option`
 * @throws MeshError that names the broken rule and does not repeat the text
 */
export function parseSpiffeId(text: string, reason: MeshErrorReason = 'certificate_invalid'): SpiffeId {
  const refuse = (rule: string): MeshError => new MeshError(reason, `not a SPIFFE id: ${rule}`);
  if (text.length > MAX_ID_BYTES) throw refuse(`longer than ${MAX_ID_BYTES} bytes`);
  if (!text.startsWith(SCHEME)) throw refuse('it must begin with spiffe://');
  const slash = text.indexOf('/', SCHEME.length);
  const trustDomain = slash === -1 ? text.slice(SCHEME.length) : text.slice(SCHEME.length, slash);
  if (!TRUST_DOMAIN.test(trustDomain)) throw refuse('a trust domain has 1 to 255 of a-z, 0-9, dot, dash and underscore');
  const path = slash === -1 ? '' : text.slice(slash);
  if (path === '') return { id: text, trustDomain, path };
  for (const segment of path.slice(1).split('/')) {
    if (!SEGMENT.test(segment)) throw refuse('a path segment has one or more of a-z, A-Z, 0-9, dot, dash and underscore');
    if (segment === '.' || segment === '..') throw refuse('no path segment may be "." or ".."');
  }
  return { id: text, trustDomain, path };
}
