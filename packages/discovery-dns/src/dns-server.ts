import { isIP } from 'node:net';

const DNS_PORT = 53;

/** Where questions are sent. */
export interface DnsServer {
  /** An address: a name would have to be looked up first. */
  readonly address: string;
  readonly port: number;
}

/** @param text `10.0.0.10`, `10.0.0.10:8600`, `fd00::a`, `[fd00::a]:8600`; @returns `undefined` for anything else */
export function parseServer(text: unknown): DnsServer | undefined {
  if (typeof text !== 'string') return undefined;
  if (isIP(text) !== 0) return { address: text, port: DNS_PORT };
  const [, inBrackets, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? DNS_PORT : Number(digits);
  if (port < 1 || port > 0xffff) return undefined;
  if (inBrackets !== undefined && isIP(inBrackets) === 6) return { address: inBrackets, port };
  return plain !== undefined && isIP(plain) === 4 ? { address: plain, port } : undefined;
}

/** As {@link parseServer} reads it. */
export const formatServer = ({ address, port }: DnsServer): string => `${address.includes(':') ? `[${address}]` : address}:${port}`;
