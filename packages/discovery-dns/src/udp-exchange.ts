import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import type { DnsResponse } from './dns-message.js';
import type { DnsServer } from './dns-server.js';
import { exchange, responseTo, type DnsQuery, type ExchangeParts } from './exchange.js';

/**
 * Asks a server over UDP. Each query has a socket of its own, hence a port by chance: who wants to answer in the server's place has to guess port and id
 * (RFC 5452), and spell its address.
 */
export function overUdp(server: DnsServer, query: DnsQuery, parts: ExchangeParts): Promise<DnsResponse> {
  return exchange(parts, ({ answered, failed }) => {
    const socket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4');
    socket.unref();
    socket.on('error', (error) => failed(unreachable(error)));
    socket.on('message', (message) => {
      try {
        const response = responseTo(query, message);
        if (response !== undefined) answered(response);
      } catch (error) {
        failed(error as Error);
      }
    });
    // Connected: the kernel drops what comes from elsewhere, and tells where nobody listens.
    socket.connect(server.port, server.address);
    // No callback of connect(): it would be told of errors instead of the listener above.
    socket.on('connect', () => {
      socket.send(query.message, (error) => {
        if (error instanceof Error) failed(unreachable(error));
      });
    });
    return once(() => socket.close());
  });
}

const unreachable = (error: Error): Error => new Error(`is not reachable (${(error as NodeJS.ErrnoException).code ?? error.message})`, { cause: error });

/** A socket that is closed twice throws. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
