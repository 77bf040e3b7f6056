import type { OptionCheck } from '@lemur-bookstores/mesh-interface';

/**
 * The address of a service among options: `http:` or `https:`, with a path at most. A credential is sent in the clear to this machine alone.
 * @param uses whether requests to it carry a credential: then `https:` is required, but for a loopback host
 * @returns `undefined` where there is a problem
 */
export function endpointOf(check: OptionCheck, name: string, value: unknown, uses: { readonly credentials: boolean }): URL | undefined {
  const url = (typeof value === 'string' || value instanceof URL) && URL.canParse(String(value)) ? new URL(String(value)) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    check.add(name, "must be a URL that begins with 'https://' or 'http://'");
    return undefined;
  }
  // Not in the problem: what stands there may be a password.
  if (url.username !== '' || url.password !== '') check.add(name, 'must have no user and password in it: there is an option for them');
  else if (url.search !== '' || url.hash !== '') check.add(name, "must have no '?' or '#' in it");
  else if (uses.credentials && isPlaintextElsewhere(url)) check.add(name, `must be https: a credential would be sent to ${url.host} in the clear`);
  else return url;
  return undefined;
}

/** Whether what is sent there crosses a network in the clear. */
export function isPlaintextElsewhere(url: URL): boolean {
  return url.protocol === 'http:' && !isLoopback(url.hostname);
}

/** Names below `localhost` are not: some resolvers ask the network for them. The URL parser has made one form of all spellings of an address. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
