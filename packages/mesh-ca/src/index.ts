export {
  CertificateAuthority,
  type CreateAuthorityOptions,
  type IssueRequest,
  type KeyAlgorithm,
  type LoadAuthorityOptions,
} from './certificate-authority.js';
export { IssuedIdentity, writeIdentityFiles } from './issued-identity.js';
export { LocalTrustDomain, localTrustDomain, type LocalTrustDomainOptions } from './local-trust-domain.js';
export { defaultKeysDir } from '@lemur-bookstores/mesh-interface';
