import { isIPv4 } from 'node:net';

/**
 * Whether nobody but this machine reaches what is bound to it: 127.0.0.0/8, `::1`, and the first as IPv6 writes it (`::ffff:127.0.0.1`). `0.0.0.0` and `::` are all interfaces.
 * @param address of a socket, as Node.js says it: never a name, which may stand for anything
 */
export function isLoopbackAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

/**
 * Whether a `Host` header names this machine by a name that no web site can have: a page whose own name was pointed at 127.0.0.1 (DNS rebinding) sends that name.
 * https://www.rfc-editor.org/rfc/rfc6761#section-6.3: `localhost` and what ends in it never leave the machine.
 */
export function isLoopbackHost(header: string | undefined): boolean {
  const [, bracketed, name] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '') ?? [];
  if (bracketed !== undefined) return isLoopbackAddress(bracketed);
  return name !== undefined && (isLoopbackAddress(name) || /^(?:[a-z0-9-]+\.)*localhost\.?$/i.test(name));
}
