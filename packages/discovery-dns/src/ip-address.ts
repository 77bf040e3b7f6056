/** @param bytes 4 of them */
export const formatIpv4 = (bytes: Uint8Array): string => bytes.join('.');

/** The one canonical form (RFC 5952). @param bytes 16 of them */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/**
 * Whether an address in canonical form can be that of an instance: not the unspecified one, which would be this machine, no multicast, no
 * broadcast, no IPv4 address dressed as IPv6.
 */
export function isInstanceAddress(address: string): boolean {
  if (address.includes(':')) return address !== '::' && !address.startsWith('::ffff:') && !/^ff[0-9a-f]{2}:/.test(address);
  const first = Number(address.slice(0, address.indexOf('.')));
  return first > 0 && first < 224;
}
